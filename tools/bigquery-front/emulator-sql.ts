/**
 * A statement of BigQuery as the emulator understands it: without keys, which it cannot parse, one
 * ALTER a column, without {@link loneStatements}, and NUMERIC as exact as it is. What is quoted is data or a name, and stays.
 */
export function emulatorSql(sql: string): string {
  const quoted: string[] = [];
  const bare = sql.replaceAll(QUOTED, (text) => `${text[0]}${quoted.push(text) - 1}${text[0]}`);
  return translated(bare).replaceAll(
    PLACEHOLDER,
    (_, index: string) => quoted[Number(index)] ?? '',
  );
}

/** Statements that the emulator takes by themselves only; nothing in a script depends on their place in it. */
export function loneStatements(sql: string): readonly string[] {
  return [...sql.matchAll(FUNCTION_DROP)].map(([statement]) => statement);
}

const FUNCTION_DROP = /\bDROP TABLE FUNCTION IF EXISTS [^;\s]+/g;
const QUOTED = /'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/gs;
const PLACEHOLDER = /(?:'|`)(\d+)(?:'|`)/g;

function translated(sql: string): string {
  return sql
    .replaceAll(/, PRIMARY KEY \([^)]*\) NOT ENFORCED/g, '')
    .replaceAll(FUNCTION_DROP, 'SELECT TRUE')
    .replaceAll(/ALTER TABLE \S+ (?:ADD|DROP) PRIMARY KEY[^;]*/g, 'SELECT TRUE')
    .replaceAll(/\bBIGNUMERIC\b/g, 'STRING')
    .replaceAll(/\bNUMERIC\b(?! *[('])/g, 'NUMERIC(38, 9)')
    .replaceAll(/ALTER TABLE (\S+) (ADD COLUMN [^;]*)/g, (_, table: string, adds: string) =>
      adds
        .split(', ADD COLUMN')
        .map((add, index) => `ALTER TABLE ${table} ${index === 0 ? '' : 'ADD COLUMN'}${add}`)
        .join(';\n'),
    );
}
