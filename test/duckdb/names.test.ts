import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sourceName, viewName } from '../../src/duckdb/names.ts';
import { numberedName } from '../../src/view/name-escape.ts';

it('names of views in DuckDB are those of the source but for what looks like an escape, and lead back', () => {
  const source = fc.oneof(
    fc.string({ minLength: 1, unit: 'grapheme' }),
    fc
      .array(fc.constantFrom('_x', '5F', '_', '0', '_x0_', 'h', 'a', ' '), { minLength: 1 })
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(source, fc.integer({ min: 2, max: 99 }), (text, number) => {
      const view = viewName(text);
      expect(sourceName(view)).toBe(text);
      expect(sourceName(numberedName(view, number))).toBe(text);
      if (!text.includes('_x')) expect(view).toBe(text);
    }),
  );
});
