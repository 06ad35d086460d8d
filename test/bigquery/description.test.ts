import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { text } from '../../src/bigquery/bigquery-dialect.ts';
import { describable, tableDescription } from '../../src/bigquery/description.ts';
import { grammarProblems } from '../support/bigquery-grammar.ts';

/** What GoogleSQL reads in a literal of the sink's. */
function valueOf(literal: string): string {
  return literal
    .slice(1, -1)
    .replaceAll(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex: string | undefined, plain: string) =>
      hex === undefined ? plain : String.fromCharCode(Number.parseInt(hex, 16)),
    );
}

describe('a description', () => {
  it('is one literal whatever is in the comment, and reads back as the comment', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (comment) => {
        const literal = text(comment);
        expect(grammarProblems(`ALTER TABLE \`t\` SET OPTIONS (description = ${literal})`)).toEqual(
          [],
        );
        expect(valueOf(literal)).toBe(comment);
      }),
      { examples: [["'"], ['\\'], ["\\'; DROP TABLE `t`; --"], ['a\r\nb\u2028c\0d'], ['`"$']] },
    );
  });

  it('is cut where BigQuery takes no more, and never amid a character', () => {
    const long = describable({ table: 'x'.repeat(20_000), columns: { a: '🎉'.repeat(600) } });
    expect(long.table).toBe(`${'x'.repeat(16_383)}…`);
    expect(long.columns['a']).toBe(`${'🎉'.repeat(511)}…`);
    expect(describable(long)).toEqual(long);
    const full = { table: 'x'.repeat(16_384), columns: { a: 'y'.repeat(1_024) } };
    expect(describable(full)).toEqual(full);
    expect(tableDescription('Rows.', full)).toHaveLength(16_384);
  });

  it('shares the room of a statement with those of all other columns', () => {
    const names = Array.from({ length: 4_000 }, (_, index) => [`c${index}`, 'y'.repeat(1_024)]);
    const { columns } = describable({ columns: Object.fromEntries(names) });
    expect(Object.values(columns).join('').length).toBeLessThanOrEqual(100_000);
    expect(Object.values(columns)[0]).toBe(`${'y'.repeat(24)}…`);
  });
});
