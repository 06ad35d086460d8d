import type { BinlogEvent, CompressedTransaction } from '../../src/binlog/event.ts';

/** What one decoding has given, event by event; those of a compressed transaction as they come. */
export async function* eventsIn(
  decoded: BinlogEvent | CompressedTransaction,
): AsyncGenerator<BinlogEvent, void, undefined> {
  if (decoded.kind !== 'compressed') yield decoded;
  else for await (const { events } of decoded.steps) yield* events;
}

/** The same at once, of what is not large enough to be inflated step by step. */
export function eventsAtOnce(decoded: BinlogEvent | CompressedTransaction): readonly BinlogEvent[] {
  if (decoded.kind !== 'compressed') return [decoded];
  if (!(Symbol.iterator in decoded.steps)) throw new Error('a payload that is inflated in steps');
  const all: BinlogEvent[] = [];
  for (const { events } of decoded.steps) all.push(...events);
  return all;
}
