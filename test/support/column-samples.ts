import type { ColumnValue } from '../../src/change/column-value.ts';
import type { ColumnType } from '../../src/change/table.ts';

const integers = ([1, 2, 3, 4, 8] as const).flatMap((bytes) => [
  [{ kind: 'integer', bytes, unsigned: false }, -(2 ** (8 * Math.min(bytes, 6) - 1))] as const,
  [{ kind: 'integer', bytes, unsigned: true }, 2 ** (8 * Math.min(bytes, 6)) - 1] as const,
]);

/** Every kind of column, in each form that is stored in a way of its own, with a value that is hard to hold. */
export const COLUMN_SAMPLES: readonly (readonly [type: ColumnType, value: ColumnValue])[] = [
  ...integers,
  [{ kind: 'integer', bytes: 8, unsigned: true }, 18446744073709551615n],
  [{ kind: 'integer', bytes: 8, unsigned: false }, -9223372036854775808n],
  [{ kind: 'decimal', precision: 5, scale: 2 }, '-999.99'],
  [{ kind: 'decimal', precision: 38, scale: 9 }, '12345678901234567890123456789.123456789'],
  [
    { kind: 'decimal', precision: 65, scale: 30 },
    '12345678901234567890123456789012345.000000000000000000000000000001',
  ],
  [{ kind: 'float' }, 1.1],
  [{ kind: 'double' }, 0.1],
  [{ kind: 'bit', bits: 1 }, true],
  [{ kind: 'bit', bits: 12 }, 'AQg='],
  [{ kind: 'year' }, 2155],
  [{ kind: 'date' }, 20_000],
  [{ kind: 'time', fractionDigits: 0 }, 36_000_000_000],
  [{ kind: 'time', fractionDigits: 6 }, 3_723_000_001],
  [{ kind: 'datetime', fractionDigits: 0 }, 1_763_858_096_000],
  [{ kind: 'datetime', fractionDigits: 6 }, 1_763_858_096_789_012],
  [{ kind: 'timestamp', fractionDigits: 0 }, '2026-11-23T01:02:03Z'],
  [{ kind: 'timestamp', fractionDigits: 6 }, '2026-11-23T01:02:03.123456Z'],
  [{ kind: 'text', charset: 'utf8mb4' }, 'it\'s "é"'],
  [{ kind: 'binary', fixedBytes: 0 }, 'AP8A'],
  [{ kind: 'binary', fixedBytes: 3 }, 'AP8A'],
  [{ kind: 'enum', members: ['a', 'b'] }, 'b'],
  [{ kind: 'set', members: ['a', 'b'] }, 'a,b'],
  [{ kind: 'json' }, '{"a": [1, 2]}'],
  [{ kind: 'geometry' }, { srid: 4326, wkb: 'AQEAAAA=' }],
  [{ kind: 'vector' }, [1.5, -0.25]],
];
