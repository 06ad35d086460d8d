import type { RowDataPacket } from 'mysql2/promise';
import { describe, expect, it } from 'vitest';
import { listTopics, readTopics } from '../../demo/read-topics.ts';
import { eventually, type ShopPipeline } from '../../demo/shop-pipeline.ts';
import type { PipelineState } from '../../src/control/pipeline-state.ts';
import {
  expectEverythingEqual,
  givenServers,
  openShop,
  ownServers,
  SOON_MS,
  STACK_TEST_MS,
  writeTo,
} from '../support/shop-harness.ts';

const given = givenServers();

/** What happens at the source while no worker looks. */
const DURING_THE_GAP = [
  'INSERT INTO documents (id, title) VALUES (2000001, "written"), (2000002, "and changed later")',
  'UPDATE customers SET note = "changed" ORDER BY id LIMIT 300',
  'UPDATE accounts SET moves = moves + 1 WHERE id <= 50',
  'DELETE FROM orders WHERE id BETWEEN 100 AND 300',
  'DELETE FROM order_lines WHERE order_id BETWEEN 100 AND 300',
] as const;

describe.skipIf(given === undefined)('binlogs that are purged before they were read', () => {
  it(
    'make a GAP that emits nothing, refuses wrong answers, and is repaired by a plain signal',
    async () => {
      if (given === undefined) return;
      // Purging would take the log away under other tests.
      await using own = await ownServers(['mysql']);
      const { mysql } = own.addresses;
      if (mysql === undefined) throw new Error('there is no MySQL');
      await using scope = await openShop({ servers: { ...given, mysql } });
      const { shop } = scope;
      shop.startWorker();
      await shop.apply();
      const workload = await writeTo(shop);
      await workload.during(shop.snapshotEnded(SOON_MS));
      await workload.stop();
      await expectEverythingEqual(shop);

      await shop.stopWorkers();
      const before = await countRecords(shop);
      await shop.run(...DURING_THE_GAP);
      await purgeBinlogs(shop);
      shop.startWorker();
      const { incident } = await shop.statusWhen('GAP', ({ state }) => state === 'GAP', SOON_MS);
      expect(incident?.code).toBe('binlog.purged');
      const incidentId = incident?.id ?? '';

      await shop.signal('recover', { incidentId: 'gap-1999-12-31-01', action: 'resnapshot' });
      await shop.signal('recover', { incidentId, action: 'forget' });
      expect(await refusals(shop, 2)).toEqual([
        expect.stringContaining(`The open incident is ${incidentId}, not gap-1999-12-31-01.`),
        expect.stringContaining('"action" must be retry or resnapshot'),
      ]);
      expect((await shop.status()).state).toBe('GAP');
      expect(await countRecords(shop)).toEqual(before);

      await shop.signal('recover', { incidentId, action: 'resnapshot', by: 'test' });
      await shop.statusWhen('STREAMING', ({ state }) => state === 'STREAMING', SOON_MS);
      await shop.run(
        'UPDATE documents SET title = "changed after the gap" WHERE id = 2000002',
        'DELETE FROM customers ORDER BY id DESC LIMIT 10',
      );
      await shop.snapshotEnded(SOON_MS, { epoch: 2 });
      await expectEverythingEqual(shop);
    },
    STACK_TEST_MS,
  );
});

/** Committed records of every topic but the positions, which move without rows. */
async function countRecords(shop: ShopPipeline): Promise<Readonly<Record<string, number>>> {
  const { brokers } = shop.servers.kafka;
  const topics = await listTopics(brokers, `${shop.name}.`);
  const counts: Record<string, number> = {};
  await readTopics(
    brokers,
    topics.filter((topic) => !topic.endsWith('.positions')),
    ({ topic }) => {
      counts[topic] = (counts[topic] ?? 0) + 1;
    },
  );
  return counts;
}

/** Texts of the signals that were not taken, once there are so many. */
function refusals(shop: ShopPipeline, count: number): Promise<readonly string[]> {
  const workflow = shop.client.workflow.getHandle(`cdc/${shop.name}`);
  return eventually(`${count} refusals`, SOON_MS, async () => {
    const { refusals } = await workflow.query<PipelineState>('status');
    return refusals.length >= count ? refusals.map(({ text }) => text) : undefined;
  });
}

/** Removes every binlog but the newest, which is new and empty. */
async function purgeBinlogs(shop: ShopPipeline): Promise<void> {
  await shop.withSource(async (root) => {
    await root.query('FLUSH BINARY LOGS');
    const [[status]] = await root.query<RowDataPacket[]>('SHOW BINARY LOG STATUS');
    await root.query('PURGE BINARY LOGS TO ?', [status?.['File']]);
  });
}
