import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TableId } from '../../src/change/table.ts';

export type Right =
  /** Its view has the rows of the source, and its status is `consistent`. */
  | { readonly kind: 'equal' }
  /** Its views have the rows that its case states, and its status is `consistent`. */
  | { readonly kind: 'as stated' }
  /** The source has no such table, and the warehouse no view of it. */
  | { readonly kind: 'gone' }
  /** The table alone stands still, says so with this code, and passes on no change behind that. */
  | { readonly kind: 'stopped'; readonly code: string }
  /** The source has it, the warehouse does not: it is not among the captured ones. */
  | { readonly kind: 'left out' };

/** A line of expectations.md. */
export interface Expectation {
  readonly caseName: string;
  readonly tables: readonly TableId[];
  readonly right: Right;
  /** Why it is not so yet. */
  readonly notYet: string | undefined;
}

export function readExpectations(): readonly Expectation[] {
  const text = readFileSync(join(import.meta.dirname, 'expectations.md'), 'utf8');
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (-|Case)/.test(line));
  const expectations: Expectation[] = [];
  for (const line of lines) {
    const [caseName = '', tables = '', right = '', notYet = ''] = cells(line);
    const named = caseName === '' ? (expectations.at(-1)?.caseName ?? '') : caseName;
    expectations.push({
      caseName: named,
      tables: tables.split(', ').map((name) => tableId(name, named.replaceAll('-', '_'))),
      right: rightOf(right),
      notYet: notYet === '' ? undefined : notYet,
    });
  }
  return expectations;
}

/** `[name](file)` is its name. */
const cells = (line: string): readonly string[] =>
  line
    .slice(1, line.lastIndexOf('|'))
    .split('|')
    .map((cell) => cell.trim().replace(/^\[(.*)\]\(.*\)$/, '$1'));

/** `` `table` `` of the case's own database, or `` `database/table` ``. */
function tableId(name: string, own: string): TableId {
  const [database = '', table] = name
    .replace(/^`(.*)`$/, '$1')
    .replaceAll('``', '`')
    .split('/');
  return table === undefined ? { database: own, table: database } : { database, table };
}

function rightOf(text: string): Right {
  if (text === 'equal' || text === 'as stated' || text === 'gone' || text === 'left out')
    return { kind: text };
  const [, code] = /^stopped by ([a-z.-]+)$/.exec(text) ?? [];
  if (code === undefined) throw new Error(`"${text}" is no expectation`);
  return { kind: 'stopped', code };
}
