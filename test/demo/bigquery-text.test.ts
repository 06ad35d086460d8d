import { describe, expect, it } from 'vitest';
import { bigQueryViews } from '../../demo/bigquery-text.ts';
import { canonicalText } from '../../demo/canonical-text.ts';

const views = bigQueryViews('demo');

function textOf(columnType: string) {
  const dataType = columnType.replace(/\(.*/, '');
  const column = { name: 'c', dataType, columnType };
  return views.text({ ...column, text: canonicalText(column) });
}

/** What a value is in the comparison, from the text that BigQuery or its emulator gives. */
const READ: readonly (readonly [columnType: string, given: string, canonical: string])[] = [
  ['bigint', '-7', '-7'],
  ['bigint', '18446744073709551615.000000000', '18446744073709551615'],
  ['bigint', '100', '100'],
  ['decimal(12,4)', '12.34', '12.3400'],
  ['decimal(12,4)', '12.340000000', '12.3400'],
  ['decimal(12,4)', '-0.0001', '-0.0001'],
  ['decimal(10,0)', '120', '120'],
  ['decimal(30,12)', '0.000123000000', '0.000123000000'],
  ['double', '1e-12', '1e-12'],
  ['double', '0.10', '0.1'],
  ['float', '0.1', '0.10000000149011612'],
  ['float', '-0.0', '-0'],
  ['bit(1)', 'true', '1'],
  ['bit(1)', 'false', '0'],
  ['bit(12)', 'ff0f', '4095'],
  ['blob', '00ff', '00FF'],
  ['json', '{"b":1.50,"a":[null,"x"]}', '{"a":[null,"x"],"b":1.5}'],
];

describe('a value in a view of BigQuery', () => {
  it.each(READ)('of type %s that is written %s is %s', (columnType, given, canonical) => {
    const { polish } = textOf(columnType);
    expect(polish ? polish(given) : given).toBe(canonical);
  });

  it('of type time is read from the text beside it when no TIME can be it', () => {
    const { polish } = textOf('time(3)');
    expect(polish?.('text -00:00:00.001000')).toBe('-1000');
    expect(polish?.('text -838:59:59.000000')).toBe('-3020399000000');
    expect(polish?.('text 24:00:00.000000')).toBe('86400000000');
    expect(polish?.('86399999000')).toBe('86399999000');
    expect(polish?.('0')).toBe('0');
  });

  it('of type time is not as it should be when a text stands for one that a TIME holds', () => {
    const { polish } = textOf('time(3)');
    expect(polish?.('text 23:59:59.999000')).not.toBe('86399999000');
    expect(polish?.('text 00:00:00.000000')).not.toBe('0');
  });

  it('is another one for another document, whatever the order of members and the digits', () => {
    const { expected } = textOf('json');
    expect(expected?.('{"a": 1, "b": [1.50]}')).toBe(expected?.('{"b":[1.5],"a":1}'));
    expect(expected?.('{"a": 1}')).not.toBe(expected?.('{"a": "1"}'));
    expect(expected?.('{"a": 18446744073709551615}')).not.toBe(
      expected?.('{"a": 18446744073709551614}'),
    );
  });
});

describe('a page of a view of BigQuery', () => {
  it('begins behind the last key, column by column', () => {
    expect(views.after(['a'], ["it's"])).toBe("(a > 'it\\'s')");
    expect(views.after(['a', 'b'], ['1', '2'])).toBe("(a > '1') OR (a = '1' AND b > '2')");
  });
});
