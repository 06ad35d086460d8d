import { describe, expect, it } from 'vitest';
import { table, tableLayout } from '../../src/cli/table.ts';

describe('table', () => {
  it('puts texts left and numbers right', () => {
    const rows = [
      ['1', 'ana'],
      ['22', 'b'],
    ];
    expect(table(['id', 'name'], rows)).toBe('id  name\n 1  ana\n22  b');
  });

  it('takes hundreds of thousands of rows', () => {
    const rows = Array.from({ length: 300_000 }, (_, index) => [String(index)]);
    expect(table(['i'], rows).split('\n')).toHaveLength(300_001);
  });

  it('goes on with lines of the same widths, and moves what stands behind a longer cell', () => {
    const line = tableLayout(['id', 'name', 'n'], [['1', 'ana', '5']]);
    expect([line(['22', 'b', '6']), line(['3', 'longer', '7'])]).toEqual([
      '22  b     6',
      ' 3  longer  7',
    ]);
  });
});
