import type { Socket } from 'node:net';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { SchemaId, TableSchema } from '../../src/change/table.ts';
import type { KafkaPipelineLog } from '../../src/kafka/pipeline-log.ts';
import { KafkaRecordSource, type RecordSourceOptions } from '../../src/kafka/record-source.ts';
import { tailTopic } from '../../src/kafka/tail.ts';
import type { PartitionOffset, RecordRun } from '../../src/sink/record-source.ts';
import { canonicalSchema, schemaIdOf } from '../../src/topic/schema-record.ts';
import { internalTopics, type Topic, tableTopic } from '../../src/topic/topic-name.ts';
import {
  appendCheckpoint,
  appendPosition,
  collect,
  KAFKA,
  leaveTransactionOpen,
  logOptions,
  plainRecord,
  startedLog,
} from './support.ts';

const closing: { close(): Promise<void> }[] = [];
const never = new AbortController().signal;

afterEach(async () => {
  await Promise.all(closing.splice(0).map((each) => each.close()));
});

interface Fixture {
  readonly log: KafkaPipelineLog;
  readonly source: KafkaRecordSource;
  readonly prefix: string;
  readonly topic: Topic;
}

async function fixture(settings: Partial<RecordSourceOptions> = {}): Promise<Fixture> {
  const options = logOptions();
  const log = await startedLog(options);
  const source = new KafkaRecordSource({ brokers: [KAFKA], prefix: options.prefix, ...settings });
  closing.push(log, source);
  const topic = tableTopic(options.prefix, { database: 'shop', table: 'orders' });
  await log.ensureTopics([topic], new Map());
  return { log, source, prefix: options.prefix, topic };
}

async function publishRows(
  { log, topic, prefix }: Fixture,
  ordinal: number,
  values: readonly string[],
) {
  const batch = log.newBatch();
  values.forEach((value, index) => batch.append(plainRecord(topic, index % 3, value, value)));
  appendPosition(
    batch,
    prefix,
    'topics',
    JSON.stringify({ [topic]: { partitions: 3, id: topic } }),
  );
  appendCheckpoint(batch, prefix, ordinal);
  await log.publish(batch);
}

async function readFrom(
  { source, topic }: Fixture,
  from: readonly PartitionOffset[] = [0, 1, 2].map((partition) => ({
    topic,
    partition,
    offset: 0,
  })),
): Promise<RecordRun[]> {
  const ends = await source.highWatermarks(from);
  const ranges = from.map((each, index) => ({ ...each, until: ends[index]?.offset ?? 0 }));
  return collect(source.read(ranges, never));
}

async function withAdmin(use: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = new Kafka({ brokers: [KAFKA], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await use(admin).finally(() => admin.disconnect());
}

/** As retention does, up to an offset. */
const deleteRecords = (topic: Topic, partition: number, before: number): Promise<void> =>
  withAdmin(async (admin) => {
    // kafkajs deletes only from topics whose metadata it has.
    await admin.fetchTopicOffsets(topic);
    const offset = String(before);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset }] });
  });

const valuesOf = (runs: readonly RecordRun[]) =>
  runs.flatMap(({ records }) => records.map(({ value }) => String(value)));

describe.skipIf(!KAFKA)('a record source on Kafka', { timeout: 60_000 }, () => {
  it('reads what was committed up to the high watermarks, in order within a partition', async () => {
    const on = await fixture({ maxRunBytes: 2000 });
    const values = Array.from({ length: 3000 }, (_, index) => `v${index}`);
    await publishRows(on, 1, values.slice(0, 1500));
    await publishRows(on, 2, values.slice(1500));
    const runs = await readFrom(on);
    for (const partition of [0, 1, 2]) {
      const own = runs.filter((run) => run.partition === partition);
      expect(valuesOf(own)).toEqual(values.filter((_, index) => index % 3 === partition));
      expect(own.length).toBeGreaterThan(2);
      // Behind the records and the first marker; the second may have been written after we asked.
      expect(own.at(-1)?.nextOffset).toBeGreaterThanOrEqual(1001);
      expect(own[0]?.records[0]?.headers.get('__sluice.seq')).toBe('x');
    }
  });

  it('resumes at the offset a run gave, in the middle of a record batch too', async () => {
    const on = await fixture({ maxRunBytes: 50 });
    await publishRows(
      on,
      1,
      Array.from({ length: 300 }, (_, index) => `v${index}`),
    );
    const whole = (await readFrom(on)).filter((run) => run.partition === 0);
    expect(whole.length).toBeGreaterThan(5);
    const offset = whole[1]?.nextOffset ?? 0;
    const rest = await readFrom(on, [{ topic: on.topic, partition: 0, offset }]);
    expect(valuesOf(rest)).toEqual(valuesOf(whole.slice(2)));
  });

  it('reads no record at or beyond the end of a range', async () => {
    const on = await fixture();
    await publishRows(
      on,
      1,
      Array.from({ length: 300 }, (_, index) => `v${index}`),
    );
    const range = { topic: on.topic, partition: 0, offset: 10, until: 20 };
    const runs = await collect(on.source.read([range], never));
    expect(runs.flatMap(({ records }) => records.map(({ offset }) => offset))).toEqual(
      Array.from({ length: 10 }, (_, index) => 10 + index),
    );
    expect(runs.at(-1)?.nextOffset).toBe(20);
  });

  it('skips aborted data and moves past it', async () => {
    const on = await fixture();
    await publishRows(on, 1, ['a', 'b', 'c']);
    await leaveTransactionOpen(on.prefix, on.topic);
    await on.log.fence();
    await publishRows(on, 2, ['d', 'e', 'f']);
    const runs = (await readFrom(on)).filter(({ partition }) => partition === 0);
    expect(valuesOf(runs)).toEqual(['a', 'd']);
    // a, commit, aborted, abort, d; the last marker may have been written after we asked
    expect(runs.at(-1)?.nextOffset).toBeGreaterThanOrEqual(5);
  });

  it('reports progress over a range that holds nothing but an aborted transaction', async () => {
    const on = await fixture();
    await leaveTransactionOpen(on.prefix, on.topic);
    await on.log.fence();
    expect(await readFrom(on)).toEqual([
      { topic: on.topic, partition: 0, records: [], nextOffset: 2 },
    ]);
  });

  it('waits where a transaction is open below the end', async () => {
    const on = await fixture();
    await publishRows(on, 1, ['a']);
    await leaveTransactionOpen(on.prefix, on.topic);
    const [end] = await on.source.highWatermarks([{ topic: on.topic, partition: 0 }]);
    expect(end?.offset).toBe(3);
    const range = { topic: on.topic, partition: 0, offset: 0, until: 3 };
    const runs = on.source.read([range], never)[Symbol.asyncIterator]();
    expect(((await runs.next()).value as RecordRun).nextOffset).toBe(2);
    const second = runs.next();
    const first = await Promise.race([
      second.then(() => 'read'),
      on.source.newestPosition(600, never),
    ]);
    expect(first).not.toBe('read');
    await on.log.fence();
    expect((await second).value).toMatchObject({ records: [], nextOffset: 3 });
  });

  it('says that an offset has left the retention', async () => {
    const on = await fixture();
    await publishRows(on, 1, ['a', 'b', 'c', 'd']);
    await deleteRecords(on.topic, 0, 2);
    await expect(readFrom(on)).rejects.toMatchObject({
      code: 'sink.offset-out-of-range',
      facts: { topic: on.topic, partition: 0, offset: 0, earliestOffset: 2 },
    });
  });

  it('tells where retention has left the first records', async () => {
    const on = await fixture();
    await publishRows(on, 1, ['a', 'b', 'c', 'd']);
    const all = [0, 1].map((partition) => ({ topic: on.topic, partition }));
    expect(await on.source.logStarts(all)).toMatchObject([{ offset: 0 }, { offset: 0 }]);
    await deleteRecords(on.topic, 0, 1);
    expect(await on.source.logStarts(all)).toMatchObject([{ offset: 1 }, { offset: 0 }]);
  });

  it('gives a topic that was deleted and made anew another id, under a source that knows the old one', async () => {
    const on = await fixture();
    await publishRows(on, 1, ['a']);
    const place = [{ topic: on.topic, partition: 0 }];
    const [before] = await on.source.highWatermarks(place);
    const [again] = await on.source.highWatermarks(place);
    expect(again?.topicId).toBe(before?.topicId);
    await withAdmin(async (admin) => {
      await admin.deleteTopics({ topics: [on.topic] });
      await vi.waitFor(
        () =>
          admin.createTopics({
            topics: [{ topic: on.topic, numPartitions: 3 }],
            waitForLeaders: true,
          }),
        { timeout: 20_000, interval: 200 },
      );
    });
    const [after] = await on.source.highWatermarks(place);
    expect(after?.topicId).toMatch(/^[0-9a-f-]{36}$/);
    expect(after?.topicId).not.toBe(before?.topicId);
  });

  it('stops at once when the signal is aborted', async () => {
    const on = await fixture();
    await leaveTransactionOpen(on.prefix, on.topic);
    const stop = new AbortController();
    const range = { topic: on.topic, partition: 0, offset: 0, until: 1 };
    const reading = collect(on.source.read([range], stop.signal));
    stop.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    await on.log.fence();
  });

  it('reconnects when its connections are lost', async () => {
    const on = await fixture();
    await publishRows(on, 1, ['a', 'b', 'c']);
    await readFrom(on);
    for (const socket of brokerSockets()) socket.destroy();
    expect(valuesOf(await readFrom(on)).sort()).toEqual(['a', 'b', 'c']);
  });
});

describe.skipIf(!KAFKA)('the newest position', { timeout: 60_000 }, () => {
  it('is undefined before the first checkpoint, and before the topic exists', async () => {
    const missing = new KafkaRecordSource({ brokers: [KAFKA], prefix: 'nobody' });
    closing.push(missing);
    expect(await missing.newestPosition(300, never)).toBeUndefined();
    const { source } = await fixture();
    expect(await source.newestPosition(0, never)).toBeUndefined();
  });

  it('is the newest committed checkpoint with the topics as of it', async () => {
    const on = await fixture();
    await publishRows(on, 1, ['a']);
    await publishRows(on, 2, ['b']);
    let position = await on.source.newestPosition(5000, never);
    // A commit that is acknowledged is readable when its markers are written, a moment later.
    if (position?.checkpoint.commitOrdinal === 1)
      position = await on.source.newestPosition(30_000, never);
    expect(position?.checkpoint.commitOrdinal).toBe(2);
    expect(position?.topics).toEqual(new Map([[on.topic, 3]]));
  });

  it('is waited for, and arrives as soon as it is committed', async () => {
    const on = await fixture();
    await publishRows(on, 1, ['a']);
    await on.source.newestPosition(5000, never);
    const startedMs = Date.now();
    const next = on.source.newestPosition(30_000, never);
    await publishRows(on, 2, ['b']);
    expect((await next)?.checkpoint.commitOrdinal).toBe(2);
    expect(Date.now() - startedMs).toBeLessThan(4000);
  });

  it('is the one given before when nothing newer comes in time', async () => {
    const on = await fixture();
    await publishRows(on, 1, ['a']);
    await on.source.newestPosition(5000, never);
    expect((await on.source.newestPosition(200, never))?.checkpoint.commitOrdinal).toBe(1);
  });

  it('does not show a transaction that was aborted', async () => {
    const on = await fixture();
    await publishRows(on, 1, ['a']);
    await leaveTransactionOpen(on.prefix, on.topic);
    await on.log.fence();
    expect((await on.source.newestPosition(300, never))?.checkpoint.commitOrdinal).toBe(1);
  });
});

describe.skipIf(!KAFKA)('a schema', { timeout: 60_000 }, () => {
  const orders: TableSchema = {
    id: { database: 'shop', table: 'orders' },
    columns: [{ name: 'id', type: { kind: 'year' }, nullable: false }],
    key: [0],
  };

  it('is waited for by its id', async () => {
    const on = await fixture();
    const id = schemaIdOf(orders);
    const waiting = on.source.schema(id, never);
    const batch = on.log.newBatch();
    batch.append(plainRecord(internalTopics(on.prefix).schemas, 0, id, canonicalSchema(orders)));
    await on.log.publish(batch);
    expect(await waiting).toEqual(orders);
    expect(await on.source.schema(id, never)).toBe(await waiting);
  });

  it('that never comes is an error with its id', async () => {
    const on = await fixture({ schemaTimeoutMs: 300 });
    await expect(on.source.schema('ffffffffffffffff' as SchemaId, never)).rejects.toMatchObject({
      code: 'sink.unknown-schema',
      facts: { schemaId: 'ffffffffffffffff' },
    });
  });
});

describe.skipIf(!KAFKA)('tailing a topic', { timeout: 60_000 }, () => {
  it('shows committed records from the beginning, up to a limit', async () => {
    const on = await fixture();
    await publishRows(on, 1, ['a', 'b', 'c', 'd']);
    const options = {
      brokers: [KAFKA],
      topic: on.topic,
      fromBeginning: true,
      limit: 4,
      signal: never,
    };
    const records = await collect(tailTopic(options));
    expect(records.map(({ key }) => key).sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(records[0]).toMatchObject({ value: records[0]?.key, headers: { '__sluice.seq': 'x' } });
  });

  it('names a topic that does not exist', async () => {
    const options = {
      brokers: [KAFKA],
      topic: 'nobody.no.where',
      fromBeginning: true,
      signal: never,
    };
    await expect(collect(tailTopic(options))).rejects.toMatchObject({
      code: 'kafka.no-such-topic',
    });
  });
});

/** Sockets of this process to the broker. */
function brokerSockets(): readonly Socket[] {
  const { _getActiveHandles } = process as unknown as {
    _getActiveHandles: () => readonly unknown[];
  };
  const port = Number(KAFKA.split(':')[1]);
  return _getActiveHandles
    .call(process)
    .filter((handle): handle is Socket => (handle as Socket).remotePort === port);
}
