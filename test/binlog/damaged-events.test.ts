import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BinlogDecoder } from '../../src/binlog/decoder.ts';
import { SluiceError } from '../../src/errors/error.ts';
import { eventsIn } from '../support/decoded-events.ts';
import { cutShort, eventsOfFile, payloadOf, sealed } from './raw-event.ts';

const WRITTEN = eventsOfFile('every-event.binlog');
/** Whole transactions in one event too, so that damage reaches what compression would hide. */
const FILE = [
  ...WRITTEN,
  payloadOf(WRITTEN.slice(7, 11)),
  payloadOf(WRITTEN.slice(14, 18)),
  payloadOf(WRITTEN.slice(33, 37)),
];
const bodyBytes = (event: Buffer): number => event.length - 19 - 4;

/**
 * Decodes one damaged event between its neighbours in the log, down to the values. Answers the code
 * of the refusal, or that there was none.
 */
async function outcome(index: number, damaged: Buffer): Promise<string> {
  const decoder = new BinlogDecoder();
  try {
    const before = [...FILE.slice(0, 1), ...FILE.slice(Math.max(1, index - 1), index)];
    for (const event of [...before, damaged, ...FILE.slice(index + 1, index + 2)])
      for await (const decoded of eventsIn(decoder.decode(event)))
        if (decoded.kind === 'rows') {
          decoded.count();
          decoded.read();
        }
    return 'read';
  } catch (error) {
    if (error instanceof SluiceError) return error.code;
    throw error;
  }
}

const REFUSALS = [
  'binlog.truncated',
  'binlog.unsupported',
  'binlog.metadata-missing',
  'binlog.unknown-event',
];

describe('a damaged event whose checksum is right all the same', () => {
  it('is read or refused by name when it ends anywhere, never anything else', async () => {
    for (const [index, event] of FILE.entries())
      for (let bytes = 0; bytes < bodyBytes(event); bytes += 1)
        expect(['read', ...REFUSALS]).toContain(await outcome(index, cutShort(event, bytes)));
  });

  it('is refused when rows end within a row', async () => {
    for (const [index, event] of FILE.entries()) {
      // Write, update and delete rows: type 30 to 32.
      const type = event[4] ?? 0;
      if (type < 30 || type > 32) continue;
      expect(await outcome(index, cutShort(event, bodyBytes(event) - 1))).toBe('binlog.truncated');
    }
  });

  it('is read or refused by name when bytes are flipped, and takes no long time', async () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: FILE.length - 1 }), damage, async (index, flips) => {
        const event = Buffer.from(FILE[index]!);
        for (const [at, bits] of flips) {
          const byte = 19 + (at % Math.max(1, bodyBytes(event)));
          event[byte] = (event[byte] ?? 0) ^ bits;
        }
        const startedMs = performance.now();
        expect(['read', 'binlog.checksum', ...REFUSALS]).toContain(
          await outcome(index, sealed(event)),
        );
        expect(performance.now() - startedMs).toBeLessThan(2_000);
      }),
      { numRuns: 3_000 },
    );
  });
});
