import { channel } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../demo/random.ts';
import { SluiceError } from '../../src/errors/error.ts';
import type { KafkaKillPoint } from '../../src/kafka/kill-points.ts';
import type { KafkaPipelineLog, PipelineLogOptions } from '../../src/kafka/pipeline-log.ts';
import { deleteTopics } from '../../src/kafka/topic-admin.ts';
import { type Topic, type TopicIdentity, tableTopic } from '../../src/topic/topic-name.ts';
import {
  appendCheckpoint,
  consumeCommitted,
  KAFKA,
  logOptions,
  plainRecord,
  startedLog,
} from './support.ts';

const NONE: ReadonlyMap<Topic, TopicIdentity> = new Map();
/** Of the random cuts; printed with what fails. */
const SEED = Date.now() % 1_000_000;

/** Sockets of this process, of which those to a broker are cut in the middle of a transaction. */
const sockets = new Set<Socket>();
const remember = (message: unknown): void => {
  sockets.add((message as { readonly socket: Socket }).socket);
};

function cutConnections(): void {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
}

interface Disturbed {
  readonly log: KafkaPipelineLog;
  readonly topic: Topic;
  readonly prefix: string;
  /** Codes of the failures after which a transaction was sent again. */
  readonly disturbances: readonly string[];
}

const opened: KafkaPipelineLog[] = [];

beforeAll(() => {
  channel('net.client.socket').subscribe(remember);
});

afterAll(() => {
  channel('net.client.socket').unsubscribe(remember);
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((log) => log.close()));
});

async function disturbedLog(
  reach: (point: KafkaKillPoint) => void,
  fields: Partial<PipelineLogOptions> = {},
): Promise<Disturbed> {
  const disturbances: string[] = [];
  const onDisturbed = ({ code }: { readonly code: string }): void => void disturbances.push(code);
  const options = { ...logOptions(fields), reach, onDisturbed };
  const log = await startedLog(options);
  opened.push(log);
  const topic = tableTopic(options.prefix, { database: 'shop', table: 'orders' });
  await log.ensureTopics([topic], NONE);
  return { log, topic, prefix: options.prefix, disturbances };
}

async function publish({ log, topic, prefix }: Disturbed, ordinal: number): Promise<void> {
  const batch = log.newBatch();
  for (const partition of [0, 1, 2])
    for (const row of [1, 2])
      batch.append(plainRecord(topic, partition, `k${row}`, `${ordinal}/${partition}/${row}`));
  appendCheckpoint(batch, prefix, ordinal);
  await log.publish(batch);
}

/** Of each partition the values in order. */
async function valuesOf(topic: Topic, transactions: number): Promise<readonly string[][]> {
  const consumed = await consumeCommitted(topic, transactions * 6);
  return [0, 1, 2].map((partition) =>
    consumed.filter((record) => record.partition === partition).map(({ value }) => String(value)),
  );
}

function wanted(ordinals: readonly number[]): readonly string[][] {
  return [0, 1, 2].map((partition) =>
    ordinals.flatMap((ordinal) => [1, 2].map((row) => `${ordinal}/${partition}/${row}`)),
  );
}

const countTo = (last: number): readonly number[] =>
  Array.from({ length: last }, (_, index) => index + 1);

describe.skipIf(!KAFKA)('a transaction whose connections are cut', { timeout: 60_000 }, () => {
  it.each([
    ['kafkaBegun', true],
    ['kafkaRowsSent', false],
    ['kafkaCommitSent', false],
  ] as const)('at %s is committed once', async (point, isSentAgain) => {
    let arrivals = 0;
    const disturbed = await disturbedLog((reached) => {
      if (reached !== point) return;
      arrivals += 1;
      if (arrivals === 2) cutConnections();
    });
    for (const ordinal of countTo(3)) await publish(disturbed, ordinal);
    expect(await valuesOf(disturbed.topic, 3)).toEqual(wanted(countTo(3)));
    expect((await disturbed.log.load()).checkpoint?.commitOrdinal).toBe(3);
    expect(disturbed.disturbances).toEqual(isSentAgain ? ['kafka.outcome-unknown'] : []);
  });

  it('at any moment of any request is committed once and in order', async () => {
    const random = new Random(SEED);
    const disturbed = await disturbedLog(() => undefined);
    const last = 60;
    for (const ordinal of countTo(last)) {
      const publishing = publish(disturbed, ordinal);
      if (ordinal < last && random.below(3) > 0) {
        await sleep(random.below(6));
        cutConnections();
      }
      await publishing;
    }
    const values = await valuesOf(disturbed.topic, last);
    expect(values, `seed ${SEED}`).toEqual(wanted(countTo(last)));
    expect(disturbed.disturbances.length, `seed ${SEED}`).toBeGreaterThan(0);
  });

  it('is given up when they are cut again and again, and nothing of it is seen', async () => {
    let isCut = false;
    const disturbed = await disturbedLog((point) => {
      if (isCut && point === 'kafkaBegun') cutConnections();
    });
    await publish(disturbed, 1);
    isCut = true;
    await expect(publish(disturbed, 2)).rejects.toMatchObject({ code: 'kafka.outcome-unknown' });
    expect(disturbed.disturbances).toHaveLength(3);
    isCut = false;
    await disturbed.log.fence();
    expect((await disturbed.log.load()).checkpoint?.commitOrdinal).toBe(1);
    await publish(disturbed, 3);
    expect(await valuesOf(disturbed.topic, 2)).toEqual(wanted([1, 3]));
  });

  it('is committed before a newer attempt begins, or never', async () => {
    for (const _ of countTo(15)) {
      let fencing: Promise<KafkaPipelineLog> | undefined;
      const fields = logOptions();
      const disturbed = await disturbedLog((point) => {
        if (point !== 'kafkaBegun' || fencing) return;
        cutConnections();
        fencing = startedLog(fields);
      }, fields);
      const outcome = await publish(disturbed, 1).then(
        () => 'committed',
        (error: unknown) => (error instanceof SluiceError ? error.code : String(error)),
      );
      const successor = await fencing;
      if (!successor) throw new Error('no newer attempt has begun');
      opened.push(successor);
      expect(['committed', 'kafka.fenced']).toContain(outcome);
      const before = (await successor.load()).checkpoint?.commitOrdinal;
      expect(before).toBe(outcome === 'committed' ? 1 : undefined);
      await publish({ ...disturbed, log: successor }, 2);
      const ordinals = outcome === 'committed' ? [1, 2] : [2];
      expect(await valuesOf(disturbed.topic, ordinals.length)).toEqual(wanted(ordinals));
    }
  });

  it('is not sent again into a topic that was made again meanwhile', async () => {
    let isCut = false;
    const disturbed = await disturbedLog((point) => {
      if (isCut && point === 'kafkaBegun') cutConnections();
    });
    const { log, topic, prefix } = disturbed;
    await publish(disturbed, 1);
    await deleteTopics({ brokers: [KAFKA] }, [topic]);
    const other = await startedLog({ ...logOptions(), prefix: `${prefix}-other` });
    opened.push(other);
    await other.ensureTopics([topic], NONE);
    isCut = true;
    await expect(publish(disturbed, 2)).rejects.toMatchObject({
      code: 'kafka.topic-recreated',
      facts: { topic },
    });
    isCut = false;
    await log.fence();
    expect((await log.load()).checkpoint?.commitOrdinal).toBe(1);
  });
});
