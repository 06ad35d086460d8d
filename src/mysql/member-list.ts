import { InvariantBroken } from '../errors/error.ts';

const ESCAPES: Readonly<Record<string, string>> = { '0': '\0', n: '\n', r: '\r' };

/**
 * The members of an ENUM or SET from its COLUMN_TYPE: `enum('a','it''s','back\\slash')`.
 *
 * The server writes a quote twice, and NUL, line feed, carriage return and backslash with a
 * backslash, whatever the sql_mode.
 */
export function parseMembers(columnType: string): readonly string[] {
  const members: string[] = [];
  let at = columnType.indexOf('(') + 1;
  while (columnType[at] === "'") {
    let member = '';
    for (at += 1; columnType[at] !== "'" || columnType[at + 1] === "'"; at += 1) {
      const character = columnType[at];
      if (character === undefined) throw new InvariantBroken('an ENUM or SET type without its end');
      if (character === "'" || character === '\\') at += 1;
      const next = columnType[at] ?? '';
      member += character === '\\' ? (ESCAPES[next] ?? next) : next;
    }
    members.push(member);
    at += columnType[at + 1] === ',' ? 2 : 1;
  }
  return members;
}
