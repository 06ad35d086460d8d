import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import { addPartitionsToTxnV3, Connection, initProducerIdV4 } from '@platformatic/kafka';
import { CompressionCodecs, CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { vi } from 'vitest';
import type { Checkpoint } from '../../src/change/checkpoint.ts';
import type { GtidSetText } from '../../src/change/gtid.ts';
import {
  KafkaPipelineLog,
  type PipelineLogOptions,
  transactionalIdOf,
} from '../../src/kafka/pipeline-log.ts';
import { produceEncoded, produceRequests } from '../../src/kafka/produce-request.ts';
import { BufferPool, DEFAULT_LIMITS, RecordBatches } from '../../src/topic/outgoing-batch.ts';
import {
  type OutgoingBatch,
  type OutgoingRecord,
  POSITION_KEYS,
} from '../../src/topic/publisher.ts';
import { stampBatch } from '../../src/topic/record-batch.ts';
import { internalTopics, type Topic } from '../../src/topic/topic-name.ts';

export const KAFKA = process.env['SLUICE_TEST_KAFKA'] ?? '';

CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder: { buffer: Buffer }) => zstdCompressSync(encoder.buffer),
  decompress: async (bytes: Buffer) => zstdDecompressSync(bytes),
});

let prefixes = 0;

/** A prefix no other test uses. */
function freshPrefix(): string {
  return `t${process.pid}-${Date.now()}-${prefixes++}`;
}

export function logOptions(fields: Partial<PipelineLogOptions> = {}): PipelineLogOptions {
  return {
    brokers: [KAFKA],
    prefix: freshPrefix(),
    pipeline: 'shop',
    partitions: 3,
    replication: 1,
    compression: 'zstd',
    ...fields,
  };
}

/** A log that has gone through its start: peek, fence, load. */
export async function startedLog(options: PipelineLogOptions): Promise<KafkaPipelineLog> {
  const log = new KafkaPipelineLog(options);
  await log.peek();
  await log.fence();
  await log.load();
  return log;
}

function checkpoint(commitOrdinal: number): Checkpoint {
  return {
    v: 1,
    owner: 'default/cdc/shop',
    epoch: 1,
    serverUuid: '3e11fa47-71ca-11e1-9e33-c80aa9429562',
    gtidSet: `3e11fa47-71ca-11e1-9e33-c80aa9429562:1-${commitOrdinal}` as GtidSetText,
    file: 'binlog.000001',
    pos: 4,
    commitOrdinal,
    committedAtUs: 0,
    writtenAtMs: 0,
    appliedCommands: [],
  };
}

export function appendCheckpoint(
  batch: OutgoingBatch,
  prefix: string,
  commitOrdinal: number,
): void {
  appendPosition(
    batch,
    prefix,
    POSITION_KEYS.checkpoint,
    JSON.stringify(checkpoint(commitOrdinal)),
  );
}

export function appendPosition(
  batch: OutgoingBatch,
  prefix: string,
  key: string,
  value: string,
): void {
  batch.append(plainRecord(internalTopics(prefix).positions, 0, key, value));
}

export function plainRecord(
  topic: Topic,
  partition: number,
  key: string,
  value: string | null,
): OutgoingRecord {
  return {
    topic,
    partition,
    key,
    value,
    headers: [['__sluice.seq', 'x']],
    timestampMs: Date.now(),
  };
}

export async function collect<T>(from: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of from) all.push(each);
  return all;
}

export interface Consumed {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * What an independent client sees of a topic read_committed.
 * @throws {Error} when more than a commit marker lies behind the last record of a partition
 */
export async function consumeCommitted(topic: Topic, expected: number): Promise<Consumed[]> {
  const kafka = new Kafka({ clientId: 'test', brokers: [KAFKA], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `${topic}-${Date.now()}`, readUncommitted: false });
  const consumed: Consumed[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachBatch: async ({ batch }) => {
            for (const { offset, key, value, headers } of batch.messages) {
              consumed.push({
                partition: batch.partition,
                offset: Number(offset),
                key: key?.toString() ?? null,
                value: value?.toString() ?? null,
                headers: Object.fromEntries(
                  Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)]),
                ),
              });
            }
            if (consumed.length >= expected) resolve();
          },
        })
        .catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  for (const { partition, high } of ends) {
    const last = consumed.findLast((record) => record.partition === partition);
    if (last && Number(high) > last.offset + 2)
      throw new Error(`${topic} holds more than ${expected}`);
  }
  return consumed;
}

/** What an attempt leaves behind that dies between its rows and its commit. */
export async function leaveTransactionOpen(prefix: string, topic: Topic): Promise<void> {
  const [host = '', port] = KAFKA.split(':');
  const connection = new Connection('zombie');
  await connection.connect(host, Number(port));
  const transactionalId = transactionalIdOf(prefix, 'shop');
  // The commit before may still be under way at the coordinator.
  const identity = await vi.waitFor(
    () => initProducerIdV4.api.async(connection, transactionalId, 30_000, -1n, -1),
    { timeout: 10_000, interval: 10 },
  );
  const { positions } = internalTopics(prefix);
  const topics = [topic, positions].map((name) => ({ name, partitions: [0] }));
  await addPartitionsToTxnV3.api.async(connection, [
    { transactionalId, ...identity, verifyOnly: false, topics },
  ]);
  const batches = new RecordBatches(DEFAULT_LIMITS, new BufferPool());
  batches.append(plainRecord(topic, 0, 'k', 'never committed'));
  appendCheckpoint(batches, prefix, 77);
  const sealed = batches.seal();
  for (const { batches: each } of sealed)
    for (const batch of each) stampBatch(batch, identity, 0, crc32c);
  for (const request of produceRequests(sealed)) {
    await produceEncoded.async(connection, transactionalId, request);
  }
  await connection.close();
}
