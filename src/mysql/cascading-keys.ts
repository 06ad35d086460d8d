import type { CascadingKey } from '../capture/cascades.ts';
import type { MysqlSession, TextRow } from './connection.ts';

/**
 * All foreign keys that change rows without an event in the log, also between tables that nobody
 * captures: a change may reach a captured one through them. Before 9.6 InnoDB carries cascades out by
 * itself and the log never hears of them; later a setting can bring that back.
 */
export async function readCascadingKeys(session: MysqlSession): Promise<readonly CascadingKey[]> {
  const [setting] = await session.query(
    "SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'",
    'reading how foreign keys act',
  );
  if (setting?.['Value'] === 'OFF') return [];
  const rows = await session.query(
    `SELECT r.CONSTRAINT_NAME AS name,
            r.UNIQUE_CONSTRAINT_SCHEMA AS parentDatabase, r.REFERENCED_TABLE_NAME AS parentTable,
            r.CONSTRAINT_SCHEMA AS childDatabase, r.TABLE_NAME AS childTable,
            r.DELETE_RULE AS onDelete, r.UPDATE_RULE AS onUpdate,
            k.REFERENCED_COLUMN_NAME AS parentColumn
       FROM information_schema.REFERENTIAL_CONSTRAINTS AS r
       JOIN information_schema.KEY_COLUMN_USAGE AS k
         ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA AND k.TABLE_NAME = r.TABLE_NAME
        AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME
      WHERE r.DELETE_RULE NOT IN ('RESTRICT', 'NO ACTION')
         OR r.UPDATE_RULE NOT IN ('RESTRICT', 'NO ACTION')`,
    'reading the foreign keys',
  );
  const byKey = Map.groupBy(rows, ({ childDatabase, childTable, name }) =>
    JSON.stringify([childDatabase, childTable, name]),
  );
  return [...byKey.values()].flatMap(cascadingKey);
}

/** @param of  a row for each column of one foreign key */
function cascadingKey(of: readonly TextRow[]): readonly CascadingKey[] {
  const [row] = of;
  if (!row) return [];
  const acts = (rule: string | null | undefined): boolean => /CASCADE|SET/.test(rule ?? '');
  return [
    {
      parent: { database: row['parentDatabase'] ?? '', table: row['parentTable'] ?? '' },
      child: { database: row['childDatabase'] ?? '', table: row['childTable'] ?? '' },
      onDelete: acts(row['onDelete']),
      onUpdate: acts(row['onUpdate']),
      columns: of.map(({ parentColumn }) => parentColumn ?? ''),
    },
  ];
}
