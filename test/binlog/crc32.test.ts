import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../src/binlog/crc32.ts';

describe("the binlog's checksum", () => {
  it('is the one that every description of CRC-32 gives for 123456789', () => {
    expect(crc32(Buffer.from('123456789'), 0, 9)).toBe(0xcbf43926);
  });

  it("is zlib's for any part of any bytes, short or long", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(), fc.nat(), (bytes, one, other) => {
        const [start, end] = [one, other]
          .map((cut) => cut % (bytes.length + 1))
          .sort((a, b) => a - b) as [number, number];
        const buffer = Buffer.from(bytes);
        expect(crc32(buffer, start, end)).toBe(zlibCrc32(buffer.subarray(start, end)));
      }),
    );
  });
});
