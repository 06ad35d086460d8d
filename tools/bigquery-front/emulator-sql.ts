/**
 * A statement of BigQuery as the emulator understands it: without keys, which it cannot parse, one
 * ALTER a column, NUMERIC as exact as it is, and parameters as literals, which it lacks in scripts.
 * What is quoted is data or a name, and stays.
 *
 * @param parameters  of type STRING, by their names
 */
export function emulatorSql(sql: string, parameters: ReadonlyMap<string, string> = NONE): string {
  const quoted: string[] = [];
  const bare = sql
    .replaceAll(QUOTED, (text) => `${text[0]}${quoted.push(text) - 1}${text[0]}`)
    .replaceAll(/@(\w+)/g, (text, name: string) => {
      const value = parameters.get(name);
      return value === undefined ? text : `'${quoted.push(literal(value)) - 1}'`;
    });
  return translated(bare).replaceAll(
    PLACEHOLDER,
    (_, index: string) => quoted[Number(index)] ?? '',
  );
}

const NONE: ReadonlyMap<string, string> = new Map();

const literal = (value: string): string =>
  `'${value.replaceAll(/['\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`;

const QUOTED = /'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/gs;
const PLACEHOLDER = /(?:'|`)(\d+)(?:'|`)/g;

function translated(sql: string): string {
  return (
    sql
      .replaceAll(/, PRIMARY KEY \([^)]*\) NOT ENFORCED/g, '')
      .replaceAll(/ALTER TABLE \S+ (?:ADD|DROP) PRIMARY KEY[^;]*/g, 'SELECT TRUE')
      // Within a script it takes no other form.
      .replaceAll(/\bDROP TABLE FUNCTION\b/g, 'DROP FUNCTION')
      .replaceAll(/\bBIGNUMERIC\b/g, 'STRING')
      .replaceAll(/\bNUMERIC\b(?! *[('])/g, 'NUMERIC(38, 9)')
      .replaceAll(/ALTER TABLE (\S+) (ADD COLUMN [^;]*)/g, (_, table: string, adds: string) =>
        adds
          .split(', ADD COLUMN')
          .map((add, index) => `ALTER TABLE ${table} ${index === 0 ? '' : 'ADD COLUMN'}${add}`)
          .join(';\n'),
      )
  );
}
