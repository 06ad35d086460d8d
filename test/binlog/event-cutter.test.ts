import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventCutter } from '../../src/binlog/event-cutter.ts';
import { eventsOfFile, innerEvents } from './raw-event.ts';

const FILE = eventsOfFile('every-event.binlog').map((event) => innerEvents([event]));

/** A header that no body follows. */
const BARE = innerEvents([Buffer.alloc(19 + 4, 7)]);

function cut(events: Buffer, places: readonly number[]): readonly (readonly [Buffer, boolean])[] {
  const cutter = new EventCutter(events.length);
  const ends = [...places.map((place) => place % (events.length + 1)), events.length];
  const found: [Buffer, boolean][] = [];
  let start = 0;
  for (const end of ends.sort((a, b) => a - b)) {
    for (const event of cutter.cut(events.subarray(start, end)))
      found.push([Buffer.from(event.bytes.subarray(event.start, event.end)), event.isLast]);
    start = end;
  }
  cutter.finish();
  return found;
}

describe('the events of a payload', () => {
  it('are the same wherever their chunks end', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...FILE, BARE), { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 40 }),
        (events, places) => {
          expect(cut(Buffer.concat(events), places)).toEqual(
            events.map((event, index) => [event, index === events.length - 1]),
          );
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('are the same byte by byte', () => {
    const bytes = Buffer.concat(FILE);
    const found = cut(
      bytes,
      Array.from({ length: bytes.length }, (_, place) => place),
    );
    expect(found.map(([event]) => event)).toEqual(FILE);
  });

  it.each([
    ['says it is shorter than its header', 18],
    ['says it is longer than all of them', 1_000_000],
  ])('are refused when one %s', (_, size) => {
    const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = FILE;
    const damaged = Buffer.from(second);
    damaged.writeUInt32LE(size, 9);
    const bytes = Buffer.concat([first, damaged]);
    for (const places of [[], [first.length + 5], [first.length + 19]])
      expect(() => cut(bytes, places)).toThrow(/damaged: an event in it says it has/);
  });

  it('are refused when the last one is not whole', () => {
    const [first = Buffer.alloc(0)] = FILE;
    const cutter = new EventCutter(first.length);
    expect([...cutter.cut(first.subarray(0, -1))]).toEqual([]);
    expect(() => {
      cutter.finish();
    }).toThrow(/bytes of its events are missing/);
  });
});
