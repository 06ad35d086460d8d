import { SluiceError } from '../errors/error.ts';
import type { Topic, TopicIdentity } from '../topic/topic-name.ts';
import type { Cluster } from './cluster.ts';

/** Topics as they were found: one that was deleted and made again has another id, and lacks its records. */
export class KnownTopics {
  readonly #cluster: Cluster;
  readonly #known = new Map<Topic, TopicIdentity>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  learn(found: ReadonlyMap<Topic, TopicIdentity>): void {
    for (const [topic, identity] of found) this.#known.set(topic, identity);
  }

  /** @throws {SluiceError} `kafka.topic-recreated` | `kafka.partitions-changed` | `kafka.unreachable` */
  async verify(topics: readonly Topic[]): Promise<void> {
    const found = await this.#cluster.describe(topics);
    for (const topic of topics) refuseChanged(topic, found.get(topic), this.#known.get(topic));
  }
}

export function refuseMissing(
  topic: Topic,
  now: TopicIdentity | undefined,
): asserts now is TopicIdentity {
  if (now === undefined)
    throw new SluiceError('kafka.unreachable', `Topic ${topic} was created but is not there yet.`);
}

/** @param known  as it was when records were written to it; absent where none were */
export function refuseChanged(
  topic: Topic,
  now: TopicIdentity | undefined,
  known: TopicIdentity | undefined,
): void {
  refuseMissing(topic, now);
  if (known === undefined) return;
  if (known.id !== now.id) throw recreated(topic, 'is another one than before');
  if (known.partitions !== now.partitions)
    throw new SluiceError(
      'kafka.partitions-changed',
      `Topic ${topic} has ${now.partitions} partitions, its records were written to ${known.partitions}: keys would change partition and lose their order.`,
      { facts: { topic, partitions: now.partitions, storedPartitions: known.partitions } },
    );
}

export function recreated(topic: Topic, what: string): SluiceError {
  return new SluiceError(
    'kafka.topic-recreated',
    `Topic ${topic} ${what}: the records that were written to it have been deleted with it.`,
    { facts: { topic } },
  );
}
