import { type Admin, ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, it } from 'vitest';
import { topicsOf } from '../../src/capture/position-records.ts';
import type { KafkaPipelineLog } from '../../src/kafka/pipeline-log.ts';
import { tailTopic } from '../../src/kafka/tail.ts';
import { emptyPlan } from '../../src/snapshot/plan.ts';
import {
  internalTopics,
  type Topic,
  type TopicIdentity,
  tableTopic,
} from '../../src/topic/topic-name.ts';
import {
  appendCheckpoint,
  appendPosition,
  collect,
  consumeCommitted,
  KAFKA,
  leaveTransactionOpen,
  logOptions,
  plainRecord,
  startedLog,
} from './support.ts';

const open: KafkaPipelineLog[] = [];

async function started(options = logOptions()): Promise<KafkaPipelineLog> {
  const log = await startedLog(options);
  open.push(log);
  return log;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((log) => log.close()));
});

const NONE: ReadonlyMap<Topic, TopicIdentity> = new Map();

async function administer<Answer>(work: (admin: Admin) => Promise<Answer>): Promise<Answer> {
  const admin = new Kafka({ brokers: [KAFKA], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

const ordersOf = (prefix: string): Topic =>
  tableTopic(prefix, { database: 'shop', table: 'orders' });

describe.skipIf(!KAFKA)('a pipeline log on Kafka', { timeout: 60_000 }, () => {
  it('starts with nothing stored, and creates compacted internal topics', async () => {
    const options = logOptions();
    const log = await started(options);
    expect(await log.load()).toEqual({
      checkpoint: undefined,
      plan: emptyPlan(),
      tables: new Map(),
      formerTopics: new Map(),
      schemaIds: new Set(),
      comments: new Map(),
      openXa: new Map(),
    });
    const { positions, control } = internalTopics(options.prefix);
    const { resources } = await administer((admin) =>
      admin.describeConfigs({
        includeSynonyms: false,
        resources: [positions, control].map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
      }),
    );
    const settings = resources.map(({ configEntries }) =>
      Object.fromEntries(
        configEntries.map(({ configName, configValue }) => [configName, configValue]),
      ),
    );
    expect(settings[0]).toMatchObject({ 'cleanup.policy': 'compact', 'segment.ms': '600000' });
    expect(settings[1]).toMatchObject({ 'cleanup.policy': 'delete', 'retention.ms': '-1' });
  });

  it('shows an independent read_committed consumer whole transactions, in order', async () => {
    const options = logOptions();
    const log = await started(options);
    const topic = ordersOf(options.prefix);
    expect(await log.ensureTopics([topic], NONE)).toMatchObject(
      new Map([[topic, { partitions: 3 }]]),
    );
    for (let transaction = 1; transaction <= 5; transaction++) {
      const batch = log.newBatch();
      for (let row = 0; row < 30; row++) {
        batch.append(plainRecord(topic, row % 3, `k${row}`, `${transaction}/${row} ünïcödé 🎉`));
      }
      appendCheckpoint(batch, options.prefix, transaction);
      await log.publish(batch);
    }
    const consumed = await consumeCommitted(topic, 150);
    expect(consumed).toHaveLength(150);
    for (const partition of [0, 1, 2]) {
      const values = consumed
        .filter((record) => record.partition === partition)
        .map(({ value }) => value);
      const expected = [1, 2, 3, 4, 5].flatMap((transaction) =>
        Array.from(
          { length: 10 },
          (_, index) => `${transaction}/${index * 3 + partition} ünïcödé 🎉`,
        ),
      );
      expect(values).toEqual(expected);
    }
    expect(consumed[0]?.headers).toEqual({ '__sluice.seq': 'x' });
  });

  it('fences an earlier log, aborts its open transaction, and loads exactly what was committed', async () => {
    const options = logOptions();
    const first = await started(options);
    const topic = ordersOf(options.prefix);
    const topics = await first.ensureTopics([topic], NONE);
    const committed = first.newBatch();
    committed.append(plainRecord(topic, 0, 'k', 'committed'));
    appendCheckpoint(committed, options.prefix, 1);
    appendPosition(committed, options.prefix, 'topics', JSON.stringify(Object.fromEntries(topics)));
    appendPosition(committed, options.prefix, 'comments', '{"shop.orders":"fedcba9876543210"}');
    committed.append(
      plainRecord(internalTopics(options.prefix).schemas, 0, '0123456789abcdef', '{}'),
    );
    await first.publish(committed);
    await leaveTransactionOpen(options.prefix, topic);

    const second = await started(options);
    const stored = await second.load();
    expect(stored.checkpoint?.commitOrdinal).toBe(1);
    expect(topicsOf(stored)).toEqual(topics);
    expect(stored.schemaIds).toEqual(new Set(['0123456789abcdef']));
    expect(stored.comments).toEqual(new Map([['shop.orders', 'fedcba9876543210']]));

    const late = first.newBatch();
    appendCheckpoint(late, options.prefix, 99);
    await expect(first.publish(late)).rejects.toMatchObject({ code: 'kafka.fenced' });
    const next = second.newBatch();
    next.append(plainRecord(topic, 0, 'k', 'after'));
    appendCheckpoint(next, options.prefix, 2);
    await second.publish(next);
    expect((await second.load()).checkpoint?.commitOrdinal).toBe(2);
    const consumed = await consumeCommitted(topic, 2);
    expect(consumed.map(({ value }) => value)).toEqual(['committed', 'after']);
  });

  it('refuses to publish again after a failure until it has fenced', async () => {
    const options = logOptions();
    const first = await started(options);
    await started(options);
    const publish = async () => {
      const batch = first.newBatch();
      appendCheckpoint(batch, options.prefix, 1);
      await first.publish(batch);
    };
    await expect(publish()).rejects.toMatchObject({ code: 'kafka.fenced' });
    await expect(publish()).rejects.toMatchObject({ code: 'kafka.outcome-unknown' });
    await first.fence();
    await publish();
    expect((await first.load()).checkpoint?.commitOrdinal).toBe(1);
  });

  it('folds the newest record of each key, tombstones included', async () => {
    const options = logOptions();
    const log = await started(options);
    const plan = { v: 1, tables: [], finishedTables: 2, finishedRows: 7, requests: [] };
    for (let ordinal = 1; ordinal <= 20; ordinal++) {
      const batch = log.newBatch();
      appendCheckpoint(batch, options.prefix, ordinal);
      if (ordinal === 3) appendPosition(batch, options.prefix, 'snapshot', JSON.stringify(plan));
      await log.publish(batch);
    }
    expect(await log.load()).toMatchObject({ checkpoint: { commitOrdinal: 20 }, plan });
    const batch = log.newBatch();
    batch.append(plainRecord(internalTopics(options.prefix).positions, 0, 'snapshot', null));
    await log.publish(batch);
    expect(await log.load()).toMatchObject({
      checkpoint: { commitOrdinal: 20 },
      plan: emptyPlan(),
    });
  });

  it('carries a record of 5 MB', async () => {
    const options = logOptions({ partitions: 1, compression: 'none' });
    const log = await started(options);
    const topic = ordersOf(options.prefix);
    await log.ensureTopics([topic], NONE);
    const value = Array.from({ length: 500_000 }, (_, index) =>
      String(index).padStart(10, 'ä'),
    ).join('');
    const batch = log.newBatch();
    batch.append(plainRecord(topic, 0, 'before', 'x'));
    batch.append(plainRecord(topic, 0, 'large', value));
    batch.append(plainRecord(topic, 0, 'after', 'y'));
    await log.publish(batch);
    const consumed = await consumeCommitted(topic, 3);
    expect(consumed.map(({ key }) => key)).toEqual(['before', 'large', 'after']);
    expect(consumed[1]?.value === value).toBe(true);
  });

  it('delivers 100,000 records in many batches over three partitions once and in order', async () => {
    const options = logOptions();
    const log = await started(options);
    const topic = ordersOf(options.prefix);
    await log.ensureTopics([topic], NONE);
    const filler = 'x'.repeat(550);
    for (let sent = 0; sent < 100_000; ) {
      const batch = log.newBatch();
      for (let row = 0; row < 25_000; row++, sent++) {
        batch.append(plainRecord(topic, sent % 3, `${sent}`, `${sent}${filler}`));
      }
      await log.publish(batch);
    }
    const consumed = await consumeCommitted(topic, 100_000);
    expect(consumed).toHaveLength(100_000);
    for (const partition of [0, 1, 2]) {
      const keys = consumed
        .filter((record) => record.partition === partition)
        .map(({ key }) => Number(key));
      expect(keys.every((key, index) => key === index * 3 + partition)).toBe(true);
    }
  });

  it('refuses a topic whose partition count differs from the stored one', async () => {
    const options = logOptions();
    const log = await started(options);
    const topic = ordersOf(options.prefix);
    const known = await log.ensureTopics([topic], NONE);
    await administer((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] }));
    await expect(log.ensureTopics([topic], known)).rejects.toMatchObject({
      code: 'kafka.partitions-changed',
      facts: { topic, partitions: 4, storedPartitions: 3 },
    });
  });

  it('finds a topic it has written to deleted, and one made again under its name another one', async () => {
    const options = logOptions();
    const log = await started(options);
    const topic = ordersOf(options.prefix);
    const batch = log.newBatch();
    const identities = await log.ensureTopics([topic], NONE);
    const record = JSON.stringify(Object.fromEntries(identities));
    appendPosition(batch, options.prefix, 'topics', record);
    appendCheckpoint(batch, options.prefix, 1);
    await log.publish(batch);
    const known = topicsOf(await log.load());
    expect(known).toEqual(identities);
    const refusal = { code: 'kafka.topic-recreated', facts: { topic } };

    await administer((admin) => admin.deleteTopics({ topics: [topic] }));
    await expect(log.ensureTopics([topic], known)).rejects.toMatchObject(refusal);
    await log.ensureTopics([topic], NONE);
    await expect(log.ensureTopics([topic], known)).rejects.toMatchObject(refusal);
  });

  it('dates table records by the broker, so that old rows are not expired on arrival', async () => {
    const options = logOptions({ partitions: 1 });
    const log = await started(options);
    const topic = ordersOf(options.prefix);
    await log.ensureTopics([topic], NONE);
    const batch = log.newBatch();
    batch.append({ ...plainRecord(topic, 0, 'k', 'v'), timestampMs: 0 });
    await log.publish(batch);
    const tail = tailTopic({
      brokers: [KAFKA],
      topic,
      fromBeginning: true,
      limit: 1,
      signal: AbortSignal.timeout(10_000),
    });
    const [record] = await collect(tail);
    expect(Date.now() - (record?.timestampMs ?? 0)).toBeLessThan(60_000);
  });

  it('creates topics by the hundreds, some at a time, those of an attempt that died among them', async () => {
    const options = logOptions({ partitions: 1 });
    const log = await started(options);
    const topics = Array.from({ length: 600 }, (_, index) =>
      tableTopic(options.prefix, { database: 'shop', table: `t${index}` }),
    );
    await log.ensureTopics(topics.slice(0, 3), NONE);
    const identities = await log.ensureTopics(topics, NONE);
    expect(identities.size).toBe(topics.length);
    expect(new Set([...identities.values()].map(({ id }) => id)).size).toBe(topics.length);
    await administer((admin) => admin.deleteTopics({ topics: [...topics] }));
  });

  it('takes a topic that somebody created as it is', async () => {
    const options = logOptions();
    const log = await started(options);
    const topic = ordersOf(options.prefix);
    const topics = [{ topic, numPartitions: 5, replicationFactor: 1 }];
    await administer((admin) => admin.createTopics({ topics }));
    expect(await log.ensureTopics([topic], NONE)).toMatchObject(
      new Map([[topic, { partitions: 5 }]]),
    );
  });

  it('names the topic whose limit the broker says a batch exceeds', async () => {
    const options = logOptions({ compression: 'none' });
    const log = await started(options);
    const topic = ordersOf(options.prefix);
    const configEntries = [{ name: 'max.message.bytes', value: '1000' }];
    const topics = [{ topic, numPartitions: 1, replicationFactor: 1, configEntries }];
    await administer((admin) => admin.createTopics({ topics }));
    const batch = log.newBatch();
    batch.append(plainRecord(topic, 0, 'k', 'x'.repeat(2000)));
    await expect(log.publish(batch)).rejects.toMatchObject({ code: 'kafka.record-too-large' });
  });

  it('takes a record of 20 MiB where the topic does, and names the limit where it does not', async () => {
    const options = logOptions({ compression: 'none' });
    const log = await started(options);
    const wide = ordersOf(options.prefix);
    const narrow = tableTopic(options.prefix, { database: 'shop', table: 'narrow' });
    const topicOf = (topic: Topic, bytes: number) => ({
      topic,
      numPartitions: 1,
      replicationFactor: 1,
      configEntries: [{ name: 'max.message.bytes', value: String(bytes) }],
    });
    const topics = [topicOf(wide, 32 << 20), topicOf(narrow, 2 << 20)];
    await administer((admin) => admin.createTopics({ topics }));
    await log.ensureTopics([wide, narrow], NONE);
    const value = 'x'.repeat(20 << 20);
    const batch = log.newBatch();
    batch.append(plainRecord(wide, 0, 'k', value));
    await log.publish(batch);
    expect(() => log.newBatch().append(plainRecord(narrow, 0, 'k', value))).toThrow(
      /max\.message\.bytes of the topic is 2097152/,
    );
  });

  it('commits an empty batch without a transaction', async () => {
    const log = await started();
    await log.publish(log.newBatch());
  });
});
