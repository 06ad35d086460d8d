import type { CascadingKey } from '../capture/cascades.ts';
import type { TableId } from '../change/table.ts';
import type { MysqlSession } from './connection.ts';

/**
 * Foreign keys of the tables that change rows without an event in the log. Before 9.6 InnoDB carries
 * cascades out by itself and the log never hears of them; later a setting can bring that back.
 */
export async function readCascadingKeys(
  session: MysqlSession,
  matches: (table: TableId) => boolean,
): Promise<readonly CascadingKey[]> {
  const [setting] = await session.query(
    "SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'",
    'reading how foreign keys act',
  );
  if (setting?.['Value'] === 'OFF') return [];
  const rows = await session.query(
    `SELECT UNIQUE_CONSTRAINT_SCHEMA AS parentDatabase, REFERENCED_TABLE_NAME AS parentTable,
            CONSTRAINT_SCHEMA AS childDatabase, TABLE_NAME AS childTable,
            DELETE_RULE AS onDelete, UPDATE_RULE AS onUpdate
       FROM information_schema.REFERENTIAL_CONSTRAINTS`,
    'reading the foreign keys',
  );
  const acts = (rule: string | null | undefined): boolean => /CASCADE|SET/.test(rule ?? '');
  return rows
    .map((row) => ({
      parent: { database: row['parentDatabase'] ?? '', table: row['parentTable'] ?? '' },
      child: { database: row['childDatabase'] ?? '', table: row['childTable'] ?? '' },
      onDelete: acts(row['onDelete']),
      onUpdate: acts(row['onUpdate']),
    }))
    .filter(({ child, onDelete, onUpdate }) => (onDelete || onUpdate) && matches(child));
}
