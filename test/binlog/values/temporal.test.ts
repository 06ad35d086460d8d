import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../../src/binlog/byte-reader.ts';
import {
  readDate,
  readDatetime2,
  readOldDatetime,
  readOldTime,
  readOldTimestamp,
  readTime2,
  readTimestamp2,
  readYear,
} from '../../../src/binlog/values/temporal.ts';
import type { ColumnValue } from '../../../src/change/column-value.ts';

function readAll(hex: string, read: (reader: ByteReader) => ColumnValue): ColumnValue {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const reader = new ByteReader(bytes, 0, bytes.length);
  const value = read(reader);
  expect(reader.left).toBe(0);
  return value;
}

/** [SQL literal, bytes, value] */
const TIMES: readonly (readonly [string, number, string, number])[] = [
  ["TIME '00:00:00'", 0, '800000', 0],
  ["TIME '-00:00:01'", 0, '7fffff', -1_000_000],
  ["TIME '838:59:59'", 0, 'b46efb', 3_020_399_000_000],
  ["TIME(2) '-00:00:00.01'", 2, '7fffff ff', -10_000],
  ["TIME(2) '-00:00:01.01'", 2, '7ffffe ff', -1_010_000],
  ["TIME(2) '-00:00:01.10'", 2, '7ffffe f6', -1_100_000],
  ["TIME(4) '00:00:00.0001'", 4, '800000 0001', 100],
  ["TIME(4) '-00:00:00.0001'", 4, '7fffff ffff', -100],
  ["TIME(6) '00:00:00.000001'", 6, '800000000001', 1],
  ["TIME(6) '-00:00:00.000001'", 6, '7fffffffffff', -1],
];

describe('TIME2', () => {
  it.each(TIMES)('reads %s with %i digits from %s', (_, digits, hex, micros) => {
    expect(readAll(hex, (reader) => readTime2(reader, digits))).toBe(micros);
  });

  it('reads what my_time_packed_to_binary writes, negative ones with a borrow too', () => {
    const time = fc.record({
      negative: fc.boolean(),
      hour: fc.integer({ min: 0, max: 838 }),
      minute: fc.integer({ min: 0, max: 59 }),
      second: fc.integer({ min: 0, max: 59 }),
      hundredths: fc.integer({ min: 0, max: 99 }),
    });
    fc.assert(
      fc.property(time, ({ negative, hour, minute, second, hundredths }) => {
        const hms = (hour << 12) | (minute << 6) | second;
        const packed = hms * 2 ** 24 + hundredths * 10_000;
        const signed = negative ? -packed : packed;
        const micros = ((hour * 60 + minute) * 60 + second) * 1_000_000 + hundredths * 10_000;
        const value = negative && micros !== 0 ? -micros : micros;
        // (6): the whole number with an offset. (2): integer part rounded down, then its fraction.
        const six = Buffer.alloc(6);
        six.writeUIntBE(signed + 0x800000000000, 0, 6);
        expect(readAll(six.toString('hex'), (reader) => readTime2(reader, 6))).toBe(value);
        const two = Buffer.alloc(4);
        const whole = Math.floor(signed / 2 ** 24);
        const borrowed = signed < 0 && hundredths > 0;
        two.writeUIntBE((borrowed ? -hms - 1 : negative ? -hms : hms) + 0x800000, 0, 3);
        expect(Math.abs(whole)).toBeLessThanOrEqual(2 ** 23);
        two[3] = borrowed ? 256 - hundredths : hundredths;
        expect(readAll(two.toString('hex'), (reader) => readTime2(reader, 2))).toBe(value);
      }),
    );
  });
});

describe('dates and times', () => {
  it.each([
    ["DATE '2026-11-23'", '77d50f', readDate, 20_780],
    ["DATE '0000-00-00'", '000000', readDate, '0000-00-00'],
    ["DATE '2024-00-15'", '0fd00f', readDate, '2024-00-15'],
    ["DATE '2023-02-30'", '5ece0f', readDate, '2023-02-30'],
    ['YEAR 2026', '7e', readYear, 2026],
    ['YEAR 0000', '00', readYear, 0],
    ["TIMESTAMP '1970-01-01 00:00:01'", '01000000', readOldTimestamp, '1970-01-01T00:00:01Z'],
    [
      "DATETIME '2026-11-23 01:02:03' of before 5.6",
      '9b2e0a69 6d120000',
      readOldDatetime,
      1795395723000,
    ],
    ["TIME '-00:01:00' of before 5.6", '9cffff', readOldTime, -60_000_000],
    ["TIME '12:34:56' of before 5.6", '40e201', readOldTime, 45_296_000_000],
  ] as const)('reads %s', (_, hex, read, value) => {
    expect(readAll(hex, read)).toBe(value);
  });

  it('reads any DATETIME as the instant it would be in UTC, in the column’s unit', () => {
    const instant = fc.date({
      min: new Date('1000-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(instant, fc.integer({ min: 0, max: 6 }), (date, digits) => {
        const packed =
          ((date.getUTCFullYear() * 13 + date.getUTCMonth() + 1) * 32 + date.getUTCDate()) *
            2 ** 17 +
          ((date.getUTCHours() << 12) | (date.getUTCMinutes() << 6) | date.getUTCSeconds());
        const fractionBytes = (digits + 1) >> 1;
        const bytes = Buffer.alloc(5 + fractionBytes);
        bytes.writeUIntBE(packed + 0x8000000000, 0, 5);
        const micros = digits < 3 ? 0 : date.getUTCMilliseconds() * 1000;
        if (fractionBytes > 0)
          bytes.writeUIntBE(micros / 100 ** (3 - fractionBytes), 5, fractionBytes);
        const whole = BigInt(Math.floor(date.getTime() / 1000)) * 1_000_000n + BigInt(micros);
        const value = readAll(bytes.toString('hex'), (reader) => readDatetime2(reader, digits));
        expect(BigInt(value as number | bigint)).toBe(digits <= 3 ? whole / 1000n : whole);
        expect(typeof value).toBe(Number.isSafeInteger(Number(value)) ? 'number' : 'bigint');
      }),
    );
  });

  it('reads any TIMESTAMP as ISO text with exactly the digits of the column', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 32 - 1 }),
        fc.integer({ min: 0, max: 999 }),
        (seconds, millis) => {
          const bytes = Buffer.alloc(6);
          bytes.writeUInt32BE(seconds);
          bytes.writeUInt16BE(millis * 10, 4);
          expect(readAll(bytes.toString('hex'), (reader) => readTimestamp2(reader, 3))).toBe(
            new Date(seconds * 1000 + millis).toISOString(),
          );
        },
      ),
    );
  });

  it('keeps the zero timestamp apart from every instant', () => {
    expect(readAll('00000000 0000', (reader) => readTimestamp2(reader, 4))).toBe(
      '0000-00-00 00:00:00.0000',
    );
  });
});
