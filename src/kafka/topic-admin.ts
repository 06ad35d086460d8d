import { createRequire } from 'node:module';
import type * as Kafkajs from 'kafkajs';
import { type Admin, type ITopicConfig, Kafka } from 'kafkajs';
import { SluiceError } from '../errors/error.ts';
import { type InternalTopics, internalTopics, type Topic } from '../topic/topic-name.ts';
import { kafkaFailure } from './broker-error.ts';
import { inRequests, TOPICS_PER_REQUEST } from './cluster.ts';
import { type KafkaConnection, kafkajsOptions } from './connection-options.ts';

/** Node does not find this enum among the exports of kafkajs, which is CommonJS. */
const { ConfigResourceTypes } = createRequire(import.meta.url)('kafkajs') as typeof Kafkajs;

const MAX_MESSAGE_BYTES = String(16 << 20);
const WEEK_MS = String(7 * 24 * 3600 * 1000);
const FOREVER = '-1';

const entries = (config: Readonly<Record<string, string>>): { name: string; value: string }[] =>
  Object.entries(config).map(([name, value]) => ({ name, value }));

/** Small segments and an eager cleaner, so that a start never has much to read. */
const COMPACTED = {
  'cleanup.policy': 'compact',
  'segment.bytes': String(16 << 20),
  'segment.ms': '600000',
  'min.cleanable.dirty.ratio': '0.05',
  'max.message.bytes': MAX_MESSAGE_BYTES,
} as const;

/**
 * Time is the broker's: retention counts from it, and rows of an old transaction, or of a source
 * whose clock is wrong, must not be expired (or refused) because of theirs.
 */
const RECORDS = {
  'message.timestamp.type': 'LogAppendTime',
  'cleanup.policy': 'delete',
  'max.message.bytes': MAX_MESSAGE_BYTES,
} as const;

/** The topics every pipeline has beside its tables, as they are created. */
export function internalTopicConfigs(prefix: string, replication: number): readonly ITopicConfig[] {
  const topics: InternalTopics = internalTopics(prefix);
  const single = (topic: Topic, config: Readonly<Record<string, string>>): ITopicConfig => ({
    topic,
    numPartitions: 1,
    replicationFactor: replication,
    configEntries: entries(config),
  });
  return [
    single(topics.positions, COMPACTED),
    single(topics.schemas, COMPACTED),
    single(topics.sinks, COMPACTED),
    single(topics.control, { ...RECORDS, 'retention.ms': FOREVER, 'retention.bytes': FOREVER }),
  ];
}

export function tableTopicConfig(
  topic: Topic,
  partitions: number,
  replication: number,
): ITopicConfig {
  return {
    topic,
    numPartitions: partitions,
    replicationFactor: replication,
    configEntries: entries({ ...RECORDS, 'retention.ms': WEEK_MS }),
  };
}

/**
 * The controller refuses a request that would write more than 10,000 records to its log: a topic
 * takes one, and one more for each partition and each setting.
 * @see org.apache.kafka.controller.QuorumController: MAX_RECORDS_PER_USER_OP
 */
const MAX_CREATED_RECORDS = 5_000;
/** A controller that is busy with thousands of partitions answers late. */
const CREATE_TIMEOUT_MS = 25_000;

/**
 * Creates topics, some hundreds at a time; one that exists already, whatever its settings, is left as
 * it is, so that what was interrupted can be done again.
 * @param onCreated  is called with each part, in order; its topics may have no leader yet
 */
export async function createTopics(
  connection: KafkaConnection,
  topics: readonly ITopicConfig[],
  onCreated: (part: readonly ITopicConfig[]) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  if (topics.length === 0) return;
  const [first] = topics;
  const what = topics.length === 1 ? String(first?.topic) : `${topics.length} topics`;
  await withAdmin(connection, `creating ${what}`, async (admin) => {
    for (const part of creatableParts(topics)) {
      await admin.createTopics({
        topics: [...part],
        timeout: CREATE_TIMEOUT_MS,
        waitForLeaders: false,
      });
      await onCreated(part);
    }
  });
}

function* creatableParts(topics: readonly ITopicConfig[]): Generator<readonly ITopicConfig[]> {
  let part: ITopicConfig[] = [];
  let records = 0;
  for (const topic of topics) {
    const own = 1 + (topic.numPartitions ?? 1) + (topic.configEntries?.length ?? 0);
    if (
      part.length === TOPICS_PER_REQUEST ||
      (part.length > 0 && records + own > MAX_CREATED_RECORDS)
    ) {
      yield part;
      part = [];
      records = 0;
    }
    part.push(topic);
    records += own;
  }
  yield part;
}

const MESSAGE_LIMIT = 'max.message.bytes';

/**
 * What a record batch may take in each topic. Empty where the account may not ask (DescribeConfigs),
 * or the broker does not say.
 */
export async function messageLimits(
  connection: KafkaConnection,
  topics: readonly Topic[],
): Promise<ReadonlyMap<Topic, number>> {
  const limits = new Map<Topic, number>();
  await withAdmin(connection, 'reading the limits of topics', async (admin) => {
    for (const part of inRequests(topics))
      for (const [topic, bytes] of await limitsOf(admin, part)) limits.set(topic, bytes);
  }).catch((error: unknown) => {
    if (!(error instanceof SluiceError) || error.code !== 'kafka.refused') throw error;
  });
  return limits;
}

async function limitsOf(
  admin: Admin,
  topics: readonly Topic[],
): Promise<readonly (readonly [Topic, number])[]> {
  const { resources } = await admin.describeConfigs({
    resources: topics.map((name) => ({
      type: ConfigResourceTypes.TOPIC,
      name,
      configNames: [MESSAGE_LIMIT],
    })),
    includeSynonyms: false,
  });
  const limits: [Topic, number][] = [];
  for (const { resourceName, configEntries } of resources) {
    const limit = configEntries.find(({ configName }) => configName === MESSAGE_LIMIT);
    const bytes = Number(limit?.configValue);
    if (bytes > 0) limits.push([resourceName as Topic, bytes]);
  }
  return limits;
}

/** Every topic of the cluster that the account may see. */
export async function listTopics(connection: KafkaConnection): Promise<readonly string[]> {
  return withAdmin(connection, 'listing topics', (admin) => admin.listTopics());
}

export async function deleteTopics(
  connection: KafkaConnection,
  topics: readonly string[],
): Promise<void> {
  for (const part of inRequests(topics))
    await withAdmin(connection, `deleting ${part.length} topics`, (admin) =>
      admin.deleteTopics({ topics: [...part] }),
    );
}

async function withAdmin<Result>(
  connection: KafkaConnection,
  doing: string,
  work: (admin: Admin) => Promise<Result>,
): Promise<Result> {
  const admin: Admin = new Kafka(kafkajsOptions(connection)).admin();
  try {
    await admin.connect();
    return await work(admin);
  } catch (error) {
    throw kafkaFailure(error, false, doing);
  } finally {
    await admin.disconnect();
  }
}
