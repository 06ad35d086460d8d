import { type TableId, tableName } from '../change/table.ts';
import { exactPattern, followedTables, type TablePatterns } from '../change/table-pattern.ts';
import { type Finding, ok } from '../control/finding.ts';
import type { MysqlSession } from './connection.ts';
import { type DefinedTable, readTables, type TableSelection } from './information-schema.ts';
import { quoteName } from './key-literal.ts';
import { grantee } from './preflight-grants.ts';
import type { Variables } from './preflight-settings.ts';

/** Findings of one kind that are spelt out; the rest is counted. */
const MAX_SPELT_OUT = 20;

/** @param patterns the include patterns, for the message that none matches */
export async function tableFindings(
  session: MysqlSession,
  selection: TableSelection,
  patterns: readonly string[],
  variables: Variables,
): Promise<readonly Finding[]> {
  const tables = await readTables(session, selection);
  if (tables.length === 0) return [await nothingMatches(session, patterns)];
  const findings = [
    ...keyFindings(tables),
    ...engineFindings(tables),
    ...(await privilegeFindings(session, tables)),
    ...(await cascadeFindings(session, selection, variables)),
  ];
  return [ok('tables', `${tables.length} tables match.`), ...findings];
}

/** A table of one's own that happens to have such a name must not be missed in silence. */
export async function ghostFindings(
  session: MysqlSession,
  patterns: TablePatterns,
): Promise<readonly Finding[]> {
  const follows = followedTables(patterns);
  const selects = followedTables({ ...patterns, ghostTables: 'follow' });
  const rows = await session.query(
    `SELECT TABLE_SCHEMA AS \`database\`, TABLE_NAME AS \`table\` FROM information_schema.TABLES
      WHERE TABLE_TYPE = 'BASE TABLE' AND LEFT(TABLE_NAME, 1) = '_'`,
    'reading the names of tables',
  );
  const left = rows
    .map(({ database, table }) => ({ database: database ?? '', table: table ?? '' }))
    .filter((id) => selects(id) && !follows(id));
  return speltOut(left, 'ghost-tables', 'warning', (id) => ({
    message: `Table ${tableName(id)} has the name of a ghost table of gh-ost or pt-online-schema-change and is not followed. If it is none, write "${exactPattern(id)}" into source.include, or set source.ghostTables to follow.`,
  }));
}

async function nothingMatches(
  session: MysqlSession,
  patterns: readonly string[],
): Promise<Finding> {
  return {
    check: 'tables',
    severity: 'fatal',
    message: `No table matches source.include (${patterns.join(', ')}), or the account may not see it. Patterns are database.table, letter case counts.`,
    fixSql: `GRANT SELECT ON *.* TO ${await grantee(session)}`,
  };
}

function keyFindings(tables: readonly DefinedTable[]): readonly Finding[] {
  const keyless = tables.filter(({ schema }) => schema.key.length === 0);
  const inexact = tables.filter(({ schema }) =>
    schema.key.some((index) => /^(float|double)$/.test(schema.columns[index]?.type.kind ?? '')),
  );
  return [
    ...speltOut(keyless, 'key', 'fatal', ({ schema }) => ({
      message: `Table ${tableName(schema.id)} has no primary key. Add one, or put the table into source.exclude.`,
      fixSql: `ALTER TABLE ${quoted(schema.id)} ADD COLUMN row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY`,
    })),
    ...speltOut(inexact, 'key', 'fatal', ({ schema }) => ({
      message: `Table ${tableName(schema.id)} has a FLOAT or DOUBLE in its primary key, which cannot be compared exactly. Change the key, or put the table into source.exclude.`,
    })),
  ];
}

function engineFindings(tables: readonly DefinedTable[]): readonly Finding[] {
  const others = tables.filter(({ engine }) => engine !== 'InnoDB');
  return speltOut(others, 'engine', 'warning', ({ schema, engine }) => ({
    message: `Table ${tableName(schema.id)} uses ${engine}: its changes are not transactional, so a snapshot may miss one that is under way.`,
    fixSql: `ALTER TABLE ${quoted(schema.id)} ENGINE = InnoDB`,
  }));
}

/** COLUMNS shows a column to whoever has any privilege on it; reading takes SELECT. */
async function privilegeFindings(
  session: MysqlSession,
  tables: readonly DefinedTable[],
): Promise<readonly Finding[]> {
  const databases = [...new Set(tables.map(({ schema }) => schema.id.database))];
  const rows = await session.query(
    `SELECT DISTINCT TABLE_SCHEMA AS \`database\`, TABLE_NAME AS \`table\` FROM information_schema.COLUMNS
      WHERE TABLE_SCHEMA IN (?) AND NOT FIND_IN_SET('select', PRIVILEGES)`,
    'reading the privileges on tables',
    [databases],
  );
  const closed = new Set(
    rows.map((row) => tableName({ database: row['database'] ?? '', table: row['table'] ?? '' })),
  );
  const unreadable = tables.filter(({ schema }) => closed.has(tableName(schema.id)));
  if (unreadable.length === 0) return [];
  const account = await grantee(session);
  return speltOut(unreadable, 'privileges', 'fatal', ({ schema }) => ({
    message: `The account may not SELECT from ${tableName(schema.id)}, so it cannot be snapshotted.`,
    fixSql: `GRANT SELECT ON ${quoted(schema.id)} TO ${account}`,
  }));
}

/**
 * Before 9.6 InnoDB carries cascades out by itself and the log never hears of them; later a setting
 * can bring that back.
 */
async function cascadeFindings(
  session: MysqlSession,
  { where, values, matches }: TableSelection,
  variables: Variables,
): Promise<readonly Finding[]> {
  if (variables.get('innodb_native_foreign_keys') === 'OFF') return [];
  const rows = await session.query(
    `SELECT CONSTRAINT_SCHEMA AS \`database\`, TABLE_NAME AS \`table\`, CONSTRAINT_NAME AS name,
            DELETE_RULE AS onDelete, UPDATE_RULE AS onUpdate
       FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE ${where.replaceAll('TABLE_SCHEMA', 'CONSTRAINT_SCHEMA')}`,
    'reading the foreign keys',
    values,
  );
  const acting = rows
    .map((row) => ({
      id: { database: row['database'] ?? '', table: row['table'] ?? '' },
      name: row['name'] ?? '',
      rules: `${row['onDelete']} ${row['onUpdate']}`,
    }))
    .filter(({ id, rules }) => matches(id) && /CASCADE|SET/.test(rules));
  return speltOut(acting, 'foreign-keys', 'warning', ({ id, name }) => ({
    message: `Foreign key ${name} of ${tableName(id)} cascades: this server does not log the rows it changes that way. Replace it by a trigger or by the application, or have the table refreshed by snapshot.sweepCascades.`,
    fixSql: `ALTER TABLE ${quoted(id)} DROP FOREIGN KEY ${quoteName(name)}`,
  }));
}

function speltOut<Item>(
  items: readonly Item[],
  check: string,
  severity: 'warning' | 'fatal',
  tell: (item: Item) => { readonly message: string; readonly fixSql?: string },
): readonly Finding[] {
  const findings = items
    .slice(0, MAX_SPELT_OUT)
    .map((item) => ({ check, severity, ...tell(item) }));
  const left = items.length - findings.length;
  if (left === 0) return findings;
  return [...findings, { check, severity, message: `The same holds for ${left} more tables.` }];
}

function quoted({ database, table }: TableId): string {
  return `${quoteName(database)}.${quoteName(table)}`;
}
