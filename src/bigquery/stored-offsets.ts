import type { PartitionOffset } from '../sink/record-source.ts';
import type { Topic } from '../topic/topic-name.ts';

/** Topic, its id or null, and partition and offset in turn. */
type OffsetsOfTopic = readonly [topic: Topic, topicId: string | null, ...pairs: number[]];

/**
 * Offsets as the checkpoint keeps them: by topic, because a statement holds a megabyte, and a
 * pipeline may have ten thousand partitions.
 */
export function formatOffsets(offsets: Iterable<PartitionOffset>): string {
  const topics = new Map<string, (string | number | null)[]>();
  for (const { topic, partition, offset, topicId = null } of offsets) {
    const key = `${topic}/${topicId ?? ''}`;
    const list = topics.get(key) ?? [topic, topicId];
    topics.set(key, list);
    list.push(partition, offset);
  }
  return JSON.stringify([...topics.values()]);
}

/** What {@link formatOffsets} wrote. */
export function parseOffsets(text: string): readonly PartitionOffset[] {
  return (JSON.parse(text) as readonly OffsetsOfTopic[]).flatMap(([topic, topicId, ...pairs]) => {
    const id = topicId === null ? {} : { topicId };
    return Array.from({ length: pairs.length / 2 }, (_, index) => ({
      topic,
      partition: pairs[2 * index] ?? 0,
      offset: pairs[2 * index + 1] ?? 0,
      ...id,
    }));
  });
}
