/**
 * A statement of BigQuery as the emulator understands it: without keys, which it cannot parse, one
 * ALTER a column, and NUMERIC as exact as it is. What is quoted is data or a name, and stays.
 */
export function emulatorSql(sql: string): string {
  const quoted: string[] = [];
  const bare = sql.replaceAll(QUOTED, (text) => `${text[0]}${quoted.push(text) - 1}${text[0]}`);
  return translated(bare).replaceAll(
    PLACEHOLDER,
    (_, index: string) => quoted[Number(index)] ?? '',
  );
}

const QUOTED = /'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/gs;
const PLACEHOLDER = /(?:'|`)(\d+)(?:'|`)/g;

function translated(sql: string): string {
  return sql
    .replaceAll(/, PRIMARY KEY \([^)]*\) NOT ENFORCED/g, '')
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
