import { afterEach, describe, expect, it } from 'vitest';
import { KafkaSinkLog } from '../../src/kafka/sink-log.ts';
import type { SinkRecord } from '../../src/sink/sink-log.ts';
import { appendPosition, KAFKA, logOptions, startedLog } from './support.ts';

const closing: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(closing.splice(0).map((each) => each.close()));
});

async function opened(prefix: string, sinkName = 'warehouse'): Promise<KafkaSinkLog> {
  const log = await KafkaSinkLog.open({ brokers: [KAFKA], prefix, sinkName, replication: 1 });
  closing.push(log);
  return log;
}

const record = (id: string): SinkRecord => ({ v: 1, warehouse: { id, state: 'ready' } });

describe.skipIf(!KAFKA)('the log of a sink on Kafka', { timeout: 60_000 }, () => {
  it('is empty for a sink that never ran, and creates the topic when nobody has', async () => {
    const { prefix } = logOptions();
    expect((await opened(prefix)).record).toBeUndefined();
    expect((await opened(prefix)).record).toBeUndefined();
  });

  it('gives the newest record of its own sink to the next attempt', async () => {
    const { prefix } = logOptions();
    const [first, other] = [await opened(prefix), await opened(prefix, 'other')];
    await first.save(record('a'));
    await other.save(record('b'));
    await first.save({ ...record('c'), plan: { jobs: ['load-1'] } });
    expect(first.record?.warehouse.id).toBe('c');
    expect((await opened(prefix)).record).toEqual({ ...record('c'), plan: { jobs: ['load-1'] } });
    expect((await opened(prefix, 'other')).record).toEqual(record('b'));
  });

  it('refuses what an attempt writes that has been taken over', async () => {
    const { prefix } = logOptions();
    const zombie = await opened(prefix);
    await zombie.save(record('a'));
    const next = await opened(prefix);
    await expect(zombie.save(record('b'))).rejects.toMatchObject({ code: 'kafka.fenced' });
    await next.save(record('c'));
    expect((await opened(prefix)).record).toEqual(record('c'));
  });

  it('does not fence capture, nor another sink', async () => {
    const options = logOptions({ pipeline: 'warehouse' });
    const capture = await startedLog(options);
    const other = await opened(options.prefix, 'other');
    closing.push(capture);
    await opened(options.prefix);
    const batch = capture.newBatch();
    appendPosition(batch, options.prefix, 'topics', '{}');
    await capture.publish(batch);
    await other.save(record('a'));
  });

  it('stops at a record that no sink of this version has written', async () => {
    const { prefix } = logOptions();
    const log = await opened(prefix);
    await log.save({ ...record('a'), v: 2 as 1 });
    await expect(opened(prefix)).rejects.toMatchObject({ code: 'kafka.record-unreadable' });
  });
});
