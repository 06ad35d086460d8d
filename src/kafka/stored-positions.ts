import { crc32c } from '@node-rs/crc32';
import { parsePositions, type StoredPipeline } from '../capture/position-records.ts';
import { internalTopics } from '../topic/topic-name.ts';
import type { Cluster } from './cluster.ts';
import { CommittedReader } from './committed-reader.ts';
import { foldTopic } from './topic-fold.ts';

/** Who asks, and under which prefix. */
export interface PrefixOwner {
  readonly prefix: string;
  /** As the position record says. */
  readonly owner: string;
}

/**
 * What a pipeline has on record, read without fencing it; `undefined` while it has no positions
 * topic, and `foreign` where that belongs to another pipeline.
 * @throws {SluiceError} `kafka.unreachable` | `kafka.refused` | `kafka.record-unreadable`
 */
export async function storedPositions(
  cluster: Cluster,
  { prefix, owner }: PrefixOwner,
): Promise<Omit<StoredPipeline, 'schemaIds'> | 'foreign' | undefined> {
  const { positions } = internalTopics(prefix);
  if (!(await cluster.describe([positions])).has(positions)) return undefined;
  const records = await foldTopic(new CommittedReader(cluster), positions, 'lastStable', crc32c);
  const stored = parsePositions(
    new Map([...records].map(([key, value]) => [key, value.toString()])),
  );
  const isForeign = stored.checkpoint !== undefined && stored.checkpoint.owner !== owner;
  return isForeign ? 'foreign' : stored;
}
