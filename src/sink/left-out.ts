import type { TableName } from '../change/table.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { Destination, StoppedTable } from './destination.ts';
import type { PartitionOffset, RecordSource } from './record-source.ts';

export interface LeftOut {
  /** Topics that a round does not read. */
  readonly topics: ReadonlySet<Topic>;
  /** Topics of stopped tables that it reads again, every partition, from these offsets. */
  readonly again: ReadonlyMap<Topic, readonly PartitionOffset[]>;
}

/**
 * What a round makes of the tables that have stopped. One whose next record has left its topic stays
 * where it is until a snapshot: it must not stop the others.
 *
 * @param topics  every topic of the round with its partitions
 */
export async function leftOut(
  destination: Destination,
  source: RecordSource,
  topics: ReadonlyMap<Topic, number>,
): Promise<LeftOut> {
  const left = new Set<Topic>();
  const again = new Map<Topic, readonly PartitionOffset[]>();
  for (const { topic, offsets, readAgain } of destination.stopped()) {
    const partitions = Array.from({ length: topics.get(topic) ?? 0 }, (_, partition) => ({
      topic,
      partition,
    }));
    const starts = readAgain === 'never' ? [] : await source.logStarts(partitions);
    const next = starts.map(({ partition, offset: start }) => {
      const known = offsets.find((each) => each.partition === partition);
      const { offset, ...id } = known ?? { topic, partition, offset: 0 };
      return { ...id, offset: Math.max(offset, start), isLost: start > offset };
    });
    const isLost = readAgain === 'fromOffsets' && next.some((each) => each.isLost);
    if (readAgain === 'never' || isLost) left.add(topic);
    else
      again.set(
        topic,
        next.map(({ isLost: _, ...offset }) => offset),
      );
  }
  return { topics: left, again };
}

/** The stopped tables whose topics may be read again, with what they have overcome. */
export function readable(destination: Destination): readonly StoppedTable[] {
  return destination.stopped().filter(({ readAgain }) => readAgain !== 'never');
}

/** Whether a table may be read again that could not be before, or for another reason. */
export function hasNewlyReadable(
  before: readonly StoppedTable[],
  now: readonly StoppedTable[],
): boolean {
  return now.some(
    ({ table, readAgain, reason, position }) =>
      !before.some(
        (one) =>
          one.table === table &&
          one.readAgain === readAgain &&
          one.reason === reason &&
          one.position === position,
      ),
  );
}

/** The stopped tables behind the topics. */
export function tablesOf(
  destination: Destination,
  topics: readonly Topic[],
): ReadonlySet<TableName> {
  return new Set(
    destination.stopped().flatMap(({ table, topic }) => (topics.includes(topic) ? [table] : [])),
  );
}
