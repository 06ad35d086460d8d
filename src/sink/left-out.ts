import type { TableName } from '../change/table.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { Destination } from './destination.ts';
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
  for (const { topic, offsets, goesOn } of destination.stopped?.() ?? []) {
    const partitions = Array.from({ length: topics.get(topic) ?? 0 }, (_, partition) => ({
      topic,
      partition,
    }));
    const starts = goesOn === 'no' ? [] : await source.logStarts(partitions);
    const next = starts.map(({ partition, offset: start }) => {
      const known = offsets.find((each) => each.partition === partition);
      const { offset, ...id } = known ?? { topic, partition, offset: 0 };
      return { ...id, offset: Math.max(offset, start), isLost: start > offset };
    });
    if (goesOn === 'no' || (goesOn === 'fromOffsets' && next.some(({ isLost }) => isLost)))
      left.add(topic);
    else
      again.set(
        topic,
        next.map(({ isLost: _, ...offset }) => offset),
      );
  }
  return { topics: left, again };
}

export const NONE_RETURNING = '[]';

/** Names the stopped tables that are able to go on, and what they have overcome. */
export function returningOf(destination: Destination): string {
  const ready = (destination.stopped?.() ?? []).filter(({ goesOn }) => goesOn !== 'no');
  return JSON.stringify(
    ready.map(({ table, goesOn, position, reason }) => [table, goesOn, position, reason]),
  );
}

/** The stopped tables behind the topics. */
export function tablesOf(
  destination: Destination,
  topics: readonly Topic[],
): ReadonlySet<TableName> {
  const stopped = destination.stopped?.() ?? [];
  return new Set(stopped.flatMap(({ table, topic }) => (topics.includes(topic) ? [table] : [])));
}
