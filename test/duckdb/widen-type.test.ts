import { describe, expect, it } from 'vitest';
import { widenType } from '../../src/duckdb/widen-type.ts';

describe('widenType', () => {
  it.each([
    ['INTEGER', 'INTEGER', 'INTEGER'],
    ['TINYINT', 'UTINYINT', 'SMALLINT'],
    ['INTEGER', 'BIGINT', 'BIGINT'],
    ['BIGINT', 'SMALLINT', 'BIGINT'],
    ['BIGINT', 'UBIGINT', 'HUGEINT'],
    ['BOOLEAN', 'TINYINT', 'TINYINT'],
    ['DECIMAL(10,2)', 'DECIMAL(12,2)', 'DECIMAL(12,2)'],
    ['DECIMAL(10,2)', 'DECIMAL(10,4)', 'DECIMAL(12,4)'],
    ['INTEGER', 'DECIMAL(10,2)', 'DECIMAL(12,2)'],
    ['UBIGINT', 'DECIMAL(3,1)', 'DECIMAL(21,1)'],
    ['FLOAT', 'DOUBLE', 'DOUBLE'],
    ['INTEGER', 'DOUBLE', 'DOUBLE'],
    ['DATE', 'TIMESTAMP', 'TIMESTAMP'],
    ['JSON', 'VARCHAR', 'VARCHAR'],
    ['DECIMAL(38,10)', 'VARCHAR', 'VARCHAR'],
    ['VARCHAR', 'UTINYINT', 'VARCHAR'],
  ])('holds %s and %s in %s', (stored, wanted, expected) => {
    expect(widenType(stored, wanted)).toBe(expected);
    expect(widenType(wanted, stored)).toBe(expected);
  });

  it.each([
    ['BIGINT', 'DOUBLE'],
    ['DECIMAL(10,2)', 'DOUBLE'],
    ['DECIMAL(38,0)', 'DECIMAL(38,1)'],
    ['TIMESTAMP', 'TIMESTAMPTZ'],
    ['BLOB', 'VARCHAR'],
    ['BOOLEAN', 'BLOB'],
    ['BOOLEAN', 'VARCHAR'],
    ['INTERVAL', 'BIGINT'],
    ['STRUCT(srid UINTEGER, wkb BLOB)', 'VARCHAR'],
    ['FLOAT[]', 'DOUBLE'],
  ])('finds nothing that holds %s and %s exactly', (stored, wanted) => {
    expect(widenType(stored, wanted)).toBeUndefined();
    expect(widenType(wanted, stored)).toBeUndefined();
  });
});
