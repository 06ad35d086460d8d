import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_KIND, PacketFramer } from '../../src/mysql/packet-framer.ts';

const MAX = 0xffffff;

/** Payloads as the server sends them: pieces of at most 0xffffff bytes, the last one shorter. */
function packets(payload: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0, sequence = 1; ; at += MAX, sequence += 1) {
    const piece = payload.subarray(at, at + MAX);
    const header = Buffer.alloc(4);
    header.writeUIntLE(piece.length, 0, 3);
    header[3] = sequence & 0xff;
    parts.push(header, piece);
    if (piece.length < MAX) return Buffer.concat(parts);
  }
}

function frame(chunks: readonly Buffer[]): Buffer[] {
  const framer = new PacketFramer();
  const payloads: Buffer[] = [];
  for (const chunk of chunks) {
    framer.feed(chunk);
    for (let packet = framer.next(); packet; packet = framer.next()) {
      const { kind, bytes, start, end } = packet;
      payloads.push(
        Buffer.concat([Buffer.from(kind === NO_KIND ? [] : [kind]), bytes.subarray(start, end)]),
      );
    }
  }
  return payloads;
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length));
}

describe('the packet framer', () => {
  it('gives back every payload in order wherever the chunks are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (payloads, cuts) => {
          const expected = payloads.map((payload) => Buffer.from(payload));
          expect(frame(cutAt(Buffer.concat(expected.map(packets)), cuts))).toEqual(expected);
        },
      ),
    );
  });

  it.each([
    ['one byte under the limit of a packet', MAX - 1],
    ['exactly the limit, which an empty packet ends', MAX],
    ['one byte over the limit', MAX + 1],
    ['exactly two packets and an empty one', 2 * MAX],
  ])('joins a payload of %s', (_, length) => {
    const payload = Buffer.alloc(length, 7);
    payload[length - 1] = 9;
    const after = Buffer.from('next');
    const bytes = Buffer.concat([packets(payload), packets(after)]);
    const chunks = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_unused, index) =>
      bytes.subarray(index * 65_536, (index + 1) * 65_536),
    );
    const [first, second] = frame(chunks);
    expect(first?.equals(payload)).toBe(true);
    expect(second).toEqual(after);
  });

  it.each([
    ['its length', 2 * MAX + 5, 65_536],
    ['that it is shorter', 1_000, 65_536],
    ['that it is longer', 3 * MAX, 65_536],
    ['that it is longer than any event', 0xffffffff, 65_536],
    ['its length behind the first chunk', 2 * MAX + 5, 9],
  ])('joins a payload whose event says %s', (_, said, firstBytes) => {
    const payload = Buffer.alloc(2 * MAX + 6, 7);
    payload.writeUInt32LE(said, 10);
    payload[payload.length - 1] = 9;
    const bytes = packets(payload);
    const [first] = frame([bytes.subarray(0, firstBytes), bytes.subarray(firstBytes)]);
    expect(first?.equals(payload)).toBe(true);
  });
});
