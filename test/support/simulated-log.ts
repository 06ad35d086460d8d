import type { BinlogEvent, CompressedTransaction, PayloadStep } from '../../src/binlog/event.ts';
import type { EventDecoder } from '../../src/capture/capture-loop.ts';
import type { EventBytes } from '../../src/capture/source-server.ts';
import type { Gtid, GtidSetText } from '../../src/change/gtid.ts';
import { formatGtidSet, parseGtidSet } from '../../src/change/gtid-set.ts';

/** Of the one server that a simulation has. */
export const SERVER_UUID = '00000000-0000-0000-0000-000000000001';

/** Events cross the stream port in boxes, since a simulation has no bytes. */
const boxes = new WeakMap<Buffer, BinlogEvent | CompressedTransaction>();

export function boxed(event: BinlogEvent | CompressedTransaction): EventBytes {
  const bytes = Buffer.alloc(1);
  boxes.set(bytes, event);
  return { bytes, start: 0, end: 1 };
}

export const unboxing: EventDecoder = {
  decode: (buffer) => {
    const event = boxes.get(buffer);
    if (!event) throw new Error('bytes that are no box');
    return event;
  },
};

/** The events of one transaction as a server has them that compresses it: all but the first in one. */
export function compressed(
  events: readonly BinlogEvent[],
): readonly (BinlogEvent | CompressedTransaction)[] {
  const [gtid, ...inner] = events;
  if (!gtid) return [];
  const withPlace = inner.map((event, index) =>
    index === inner.length - 1 ? event : { ...event, header: { ...event.header, logPos: 0 } },
  );
  async function* steps(): AsyncGenerator<PayloadStep, void, undefined> {
    for (const event of withPlace) {
      await new Promise((resolve) => setImmediate(resolve));
      yield { bytes: 1, events: [event] };
    }
  }
  return [gtid, { kind: 'compressed', steps: steps() }];
}

/** Of a transaction by its place in the log, from 0. */
export const gtidOf = (index: number): Gtid => `${SERVER_UUID}:${index + 1}` as Gtid;

/** Of the first transactions of the log. */
export const gtidSetOf = (count: number): GtidSetText =>
  formatGtidSet(parseGtidSet(count === 0 ? '' : `${SERVER_UUID}:1-${count}`));

/** How many transactions a set of {@link gtidSetOf} has. */
export const countOf = (set: GtidSetText): number => Number(/(\d+)$/.exec(set)?.[1] ?? 0);
