import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, it, vi } from 'vitest';
import { deleteOwnedTopics, nestedPrefixes, ownedTopics } from '../../src/kafka/owned-topics.ts';
import { createTopics, listTopics, tableTopicConfig } from '../../src/kafka/topic-admin.ts';
import { internalTopics, type Topic, tableTopic } from '../../src/topic/topic-name.ts';
import { appendCheckpoint, appendPosition, KAFKA, logOptions, startedLog } from './support.ts';

/** As the checkpoints of these tests say. */
const OWNER = 'default/cdc/shop';
const connection = { brokers: [KAFKA] };
const ordersOf = (prefix: string): Topic =>
  tableTopic(prefix, { database: 'shop', table: 'orders' });

/** A pipeline that has written to one table's topic; the owner is the one of its checkpoint. */
async function written(prefix: string): Promise<Topic> {
  const log = await startedLog(logOptions({ prefix, partitions: 1 }));
  const topic = ordersOf(prefix);
  const batch = log.newBatch();
  const identities = await log.ensureTopics([topic], new Map());
  appendPosition(batch, prefix, 'topics', JSON.stringify(Object.fromEntries(identities)));
  appendCheckpoint(batch, prefix, 1);
  await log.publish(batch);
  await log.close();
  return topic;
}

const withPrefix = async (prefix: string): Promise<readonly string[]> =>
  (await listTopics(connection)).filter((topic) => topic.startsWith(prefix)).sort();

const make = (topic: string): Promise<void> =>
  createTopics(connection, [tableTopicConfig(topic as Topic, 1, 1)]);

describe.skipIf(!KAFKA)('the topics of a pipeline', { timeout: 60_000 }, () => {
  it('are those of its record: of other pipelines and applications nothing is deleted', async () => {
    const { prefix } = logOptions();
    const topic = await written(prefix);
    const others = await written(`${prefix}.eu`);
    await make(`${prefix}.events`);
    const owner = OWNER;
    expect(await ownedTopics(connection, { prefix, owner })).toEqual({
      tables: [topic],
      internal: expect.arrayContaining(Object.values(internalTopics(prefix))) as Topic[],
    });
    await deleteOwnedTopics(connection, { prefix, owner });
    await vi.waitFor(async () => {
      expect(await withPrefix(prefix)).toEqual(
        [`${prefix}.events`, others, ...Object.values(internalTopics(`${prefix}.eu`))].sort(),
      );
    });
    // Once more, as an activity that was cut short does.
    expect(await deleteOwnedTopics(connection, { prefix, owner })).toEqual({
      tables: [],
      internal: [],
    });
  });

  it('are not those that somebody has made again under a name of the record', async () => {
    const { prefix } = logOptions();
    const topic = await written(prefix);
    const admin = new Kafka({ ...connection, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await admin.disconnect();
    await vi.waitFor(() => make(topic));
    expect((await ownedTopics(connection, { prefix, owner: OWNER })).tables).toEqual([]);
  });

  it('are none under a prefix that belongs to another pipeline', async () => {
    const { prefix } = logOptions();
    await written(prefix);
    expect(await deleteOwnedTopics(connection, { prefix, owner: 'default/cdc/another' })).toEqual({
      tables: [],
      internal: [],
    });
    expect(await withPrefix(prefix)).toHaveLength(5);
  });
});

describe.skipIf(!KAFKA)('prefixes', { timeout: 60_000 }, () => {
  it('that lie within each other are found from both sides, before the second one is in use', async () => {
    const { prefix } = logOptions();
    await written(`${prefix}.eu`);
    expect(nestedPrefixes(await listTopics(connection), prefix)).toEqual([`${prefix}.eu`]);
    expect(nestedPrefixes(await listTopics(connection), `${prefix}.eu.west`)).toEqual([
      `${prefix}.eu`,
    ]);
    expect(nestedPrefixes(await listTopics(connection), `${prefix}.europe`)).toEqual([]);
    expect(nestedPrefixes(await listTopics(connection), `${prefix}.eu`)).toEqual([]);
    await written(prefix);
    expect(nestedPrefixes(await listTopics(connection), prefix)).toEqual([]);
  });
});
