import { randomUUID } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
// Node finds only some of the names that this CommonJS package exports.
import kafkajs, { type Kafka } from 'kafkajs';

/** A record as an independent client sees it. */
export interface TopicRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: async (encoder: { readonly buffer: Buffer }) => zstdCompressSync(encoder.buffer),
  decompress: async (bytes: Buffer) => zstdDecompressSync(bytes),
});

const POLL_MS = 100;
const ATTEMPTS = 50;
const READ_WITHIN_MS = 120_000;

/** Names of all topics that begin with `prefix`. */
export async function listTopics(
  brokers: readonly string[],
  prefix: string,
): Promise<readonly string[]> {
  const admin = clientOf(brokers).admin();
  await admin.connect();
  try {
    return (await admin.listTopics()).filter((topic) => topic.startsWith(prefix)).sort();
  } finally {
    await admin.disconnect();
  }
}

export async function deleteTopics(brokers: readonly string[], prefix: string): Promise<void> {
  const topics = await listTopics(brokers, prefix);
  if (topics.length === 0) return;
  const admin = clientOf(brokers).admin();
  await admin.connect();
  try {
    await admin.deleteTopics({ topics: [...topics] });
  } finally {
    await admin.disconnect();
  }
}

/**
 * Reads topics read_committed from their first records to the ends they have now, with kafkajs, each
 * partition in order. That the end is reached is known from the committed offsets of the reader's
 * group: they pass commit markers, which no callback sees.
 * @returns the topics whose first records are gone
 * @throws {Error} when they are not reached in time; the signal's reason once it is aborted
 */
export async function readTopics(
  brokers: readonly string[],
  topics: readonly string[],
  take: (record: TopicRecord) => void,
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const kafka = clientOf(brokers);
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { ends, shortened } = await endOffsets(admin, topics);
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      try {
        await readUpTo(kafka, admin, ends, take, signal);
        return shortened;
      } catch (error) {
        if (!(error instanceof NothingReadError) || attempt === ATTEMPTS) throw error;
      }
    }
  } finally {
    await admin.disconnect();
  }
}

/** The group could not be joined; another one may. */
class NothingReadError extends Error {
  override readonly name = 'NothingReadError';
}

/**
 * One group, used once. A consumer that fails is not restarted: in the same group it would wait for
 * the session of its former self to expire, and later than its first record it would repeat some.
 */
async function readUpTo(
  kafka: Kafka,
  admin: Admin,
  ends: Ends,
  take: (record: TopicRecord) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const groupId = `reader-${randomUUID()}`;
  const consumer = kafka.consumer({
    groupId,
    readUncommitted: false,
    maxWaitTimeInMs: POLL_MS,
    retry: { restartOnFailure: () => Promise.resolve(false) },
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...ends.keys()], fromBeginning: true });
    let begun = false;
    const reading = new Promise<never>((_, reject) => {
      const failed = (cause: unknown): void => {
        reject(begun ? asError(cause) : new NothingReadError(String(cause), { cause }));
      };
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        failed(payload.error);
      });
      consumer
        .run({
          autoCommitThreshold: 1,
          eachBatch: async (each) => {
            const { batch } = each;
            begun = true;
            for (const { key, value, headers, offset } of batch.messages) {
              take({
                topic: batch.topic,
                partition: batch.partition,
                offset,
                key: key?.toString() ?? null,
                value: value?.toString() ?? null,
                headers: Object.fromEntries(
                  Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)]),
                ),
              });
              each.resolveOffset(offset);
            }
            await each.heartbeat();
          },
        })
        .catch(failed);
    });
    await Promise.race([reading, reachEnds(admin, groupId, ends, signal)]);
  } finally {
    await consumer.disconnect();
    await admin.deleteGroups([groupId]).catch(() => undefined);
  }
}

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));

type Admin = ReturnType<Kafka['admin']>;
type Ends = ReadonlyMap<string, ReadonlyMap<number, bigint>>;

function clientOf(brokers: readonly string[]): Kafka {
  return new kafkajs.Kafka({
    clientId: 'sluice-demo',
    brokers: [...brokers],
    logLevel: kafkajs.logLevel.NOTHING,
  });
}

/** End of every partition that has anything to read, and the topics that do not begin at offset 0. */
async function endOffsets(
  admin: Admin,
  topics: readonly string[],
): Promise<{ readonly ends: Ends; readonly shortened: ReadonlySet<string> }> {
  const ends = new Map<string, ReadonlyMap<number, bigint>>();
  const shortened = new Set<string>();
  for (const topic of topics) {
    const partitions = await patiently(() => admin.fetchTopicOffsets(topic));
    if (partitions.some(({ low }) => low !== '0')) shortened.add(topic);
    ends.set(
      topic,
      new Map(
        partitions
          .filter(({ low, high }) => low !== high)
          .map(({ partition, high }) => [partition, BigInt(high)]),
      ),
    );
  }
  return { ends, shortened };
}

/** A topic made a moment ago has no leader yet. */
async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      const retriable = error instanceof kafkajs.KafkaJSError && error.retriable;
      if (!retriable || attempt === ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

async function reachEnds(
  admin: Admin,
  groupId: string,
  ends: Ends,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadlineMs = Date.now() + READ_WITHIN_MS;
  for (;;) {
    signal?.throwIfAborted();
    const committed = await patiently(() =>
      admin.fetchOffsets({ groupId, topics: [...ends.keys()] }),
    );
    const behind = committed.flatMap(({ topic, partitions }) =>
      partitions
        .filter(
          ({ partition, offset }) => BigInt(offset) < (ends.get(topic)?.get(partition) ?? -1n),
        )
        .map(({ partition, offset }) => `${topic}[${partition}] at ${offset}`),
    );
    if (behind.length === 0) return;
    if (Date.now() > deadlineMs)
      throw new Error(
        `the topics were not read to their ends in time: ${behind.slice(0, 5).join(', ')}`,
      );
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
