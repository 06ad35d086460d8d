import { topicsOf } from '../capture/position-records.ts';
import { internalTopics, type Topic } from '../topic/topic-name.ts';
import { Cluster } from './cluster.ts';
import type { KafkaConnection } from './connection-options.ts';
import { type PrefixOwner, storedPositions } from './stored-positions.ts';
import { deleteTopics } from './topic-admin.ts';

const REQUEST_TIMEOUT_MS = 30_000;

/** The topics that a pipeline has written to, as its own record says; a name alone makes nothing its own. */
export interface OwnedTopics {
  readonly tables: readonly Topic[];
  /** Those that hold the record, and what else is not for consumers. */
  readonly internal: readonly Topic[];
}

const NONE: OwnedTopics = { tables: [], internal: [] };

/**
 * The topics that a pipeline owns and that are still there. One that was deleted and made again is
 * somebody else's; of a prefix that belongs to another pipeline nothing is owned.
 *
 * @throws {SluiceError} `kafka.unreachable` | `kafka.refused` | `kafka.record-unreadable`
 */
export async function ownedTopics(
  connection: KafkaConnection,
  by: PrefixOwner,
): Promise<OwnedTopics> {
  const cluster = new Cluster(connection, REQUEST_TIMEOUT_MS);
  try {
    const names = Object.values(internalTopics(by.prefix));
    const internal = [...(await cluster.describe(names)).keys()];
    const stored = await storedPositions(cluster, by);
    if (stored === undefined) return { ...NONE, internal };
    if (stored === 'foreign') return NONE;
    const recorded = topicsOf(stored);
    const present = await cluster.describe([...recorded.keys()]);
    const tables = [...recorded].filter(([topic, { id }]) => present.get(topic)?.id === id);
    return { tables: tables.map(([topic]) => topic), internal };
  } finally {
    await cluster.close();
  }
}

/**
 * Deletes what {@link ownedTopics} finds: the topics of tables first, those with the record of them
 * last, so that a deletion that was cut short can be repeated.
 */
export async function deleteOwnedTopics(
  connection: KafkaConnection,
  owner: PrefixOwner,
): Promise<OwnedTopics> {
  const owned = await ownedTopics(connection, owner);
  await deleteTopics(connection, owned.tables);
  await deleteTopics(connection, owned.internal);
  return owned;
}

/**
 * Prefixes of other pipelines that begin with this one and a dot, or the other way round: a table
 * topic of the one could be a topic of the other. None for a prefix that is in use already: a
 * pipeline that has been running goes on.
 *
 * @param topics  all of the cluster
 */
export function nestedPrefixes(topics: readonly string[], prefix: string): readonly string[] {
  const ending = internalTopics('').positions;
  if (topics.includes(internalTopics(prefix).positions)) return [];
  return topics
    .filter((topic) => topic.endsWith(ending))
    .map((topic) => topic.slice(0, -ending.length))
    .filter((other) => other.startsWith(`${prefix}.`) || prefix.startsWith(`${other}.`));
}
