import type { PartitionOffset, RecordRun, TopicRecord } from '../sink/record-source.ts';
import type { Crc32c } from '../topic/record-batch.ts';
import type { Topic } from '../topic/topic-name.ts';
import { committedBatches, type FetchedBatch } from './committed-batches.ts';
import type { CommittedReader } from './committed-reader.ts';
import type { FetchedPartition, FetchLimits } from './fetch-request.ts';
import { Standstill } from './standstill.ts';

export type RangeToRead = PartitionOffset & { readonly until: number };

/**
 * Of what a fetch brings, compressed. Two answers are held at a time, and rows grow some eight times
 * when they are decompressed, batch by batch. A batch that is larger comes alone.
 */
const LIMITS: FetchLimits = { maxWaitMs: 500, maxBytes: 4 << 20, maxPartitionBytes: 1 << 20 };

/**
 * Reads ranges side by side to their ends, one fetch ahead of the consumer. Waits where a
 * transaction is open: read_committed fetches then answer empty until it has ended.
 * @throws {SluiceError} `kafka.transaction-hanging` when it does not end
 */
export async function* readRanges(
  reader: CommittedReader,
  ranges: readonly RangeToRead[],
  maxRunBytes: number,
  crc32c: Crc32c,
  signal: AbortSignal,
): AsyncGenerator<RecordRun> {
  let left = unfinished(ranges);
  let answer = fetchAhead(reader, left, signal);
  const standstill = new Standstill();
  while (left.length > 0) {
    const parts = partsOf(await answer, left, crc32c);
    standstill.afterRead(
      parts.some(({ range, nextOffset }) => nextOffset > range.offset),
      left,
    );
    left = rotate(unfinished(advance(left, parts)));
    answer = fetchAhead(reader, left, signal);
    for (const part of parts) yield* runsOf(part, maxRunBytes);
  }
}

/** The batches one fetch brought for one range. */
interface FetchedPart {
  readonly range: RangeToRead;
  readonly batches: readonly FetchedBatch[];
  readonly nextOffset: number;
}

function fetchAhead(
  reader: CommittedReader,
  ranges: readonly RangeToRead[],
  signal: AbortSignal,
): Promise<readonly FetchedPartition[]> {
  if (ranges.length === 0) return Promise.resolve([]);
  const answer = reader.fetch(ranges, LIMITS, signal);
  // Nobody waits for it any more when the consumer stops early.
  answer.catch(() => undefined);
  return answer;
}

function partsOf(
  answer: readonly FetchedPartition[],
  ranges: readonly RangeToRead[],
  crc32c: Crc32c,
): readonly FetchedPart[] {
  const byId = new Map(ranges.map((range) => [idOf(range), range]));
  return answer.flatMap((fetched) => {
    const range = byId.get(idOf(fetched));
    if (!range) return [];
    const batches = [...committedBatches(fetched, crc32c)];
    const last = batches.at(-1);
    const nextOffset = last ? Math.min(last.batch.lastOffset + 1, range.until) : range.offset;
    return [{ range, batches, nextOffset }];
  });
}

function advance(
  ranges: readonly RangeToRead[],
  parts: readonly FetchedPart[],
): readonly RangeToRead[] {
  const offsets = new Map(parts.map(({ range, nextOffset }) => [idOf(range), nextOffset]));
  return ranges.map((range) => ({ ...range, offset: offsets.get(idOf(range)) ?? range.offset }));
}

function unfinished(ranges: readonly RangeToRead[]): readonly RangeToRead[] {
  return ranges.filter(({ offset, until }) => offset < until);
}

/** The broker fills an answer in the order asked, so every range gets its turn to be first. */
function rotate(ranges: readonly RangeToRead[]): readonly RangeToRead[] {
  return [...ranges.slice(1), ...ranges.slice(0, 1)];
}

/** Cuts a part into runs, decompressing batch by batch; markers and aborted batches only move the offset. */
function* runsOf(
  { range: { topic, partition, offset, until }, batches, nextOffset }: FetchedPart,
  maxRunBytes: number,
): Generator<RecordRun> {
  let records: TopicRecord[] = [];
  let bytes = 0;
  let handedOver = offset;
  for (const { kind, batch } of batches) {
    if (kind !== 'data') continue;
    for (const record of batch.records()) {
      if (record.offset < offset || record.offset >= until) continue;
      records.push(record);
      bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
      if (bytes < maxRunBytes) continue;
      handedOver = record.offset + 1;
      yield { topic, partition, records, nextOffset: handedOver };
      records = [];
      bytes = 0;
    }
  }
  if (records.length > 0 || handedOver < nextOffset)
    yield { topic, partition, records, nextOffset };
}

function idOf({
  topic,
  partition,
}: {
  readonly topic: Topic | string;
  readonly partition: number;
}): string {
  return `${topic}/${partition}`;
}
