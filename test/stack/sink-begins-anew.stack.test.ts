import { existsSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { compareTable, readShapes, type WarehouseQuery } from '../../demo/compare-tables.ts';
import { eventually, type ShopPipeline } from '../../demo/shop-pipeline.ts';
import { sluice } from '../../demo/worker-process.ts';
import { queryWarehouse } from '../../src/duckdb/query-client.ts';
import {
  expectEverythingEqual,
  givenServers,
  openShop,
  SOON_MS,
  STACK_TEST_MS,
  writeTo,
} from '../support/shop-harness.ts';

describe.skipIf(!givenServers())('a warehouse that was deleted', () => {
  it(
    'is noticed and never made anew, until a resnapshot fills an empty one',
    async () => {
      await using scope = await openShop();
      const { shop } = scope;
      shop.startWorker();
      await shop.apply();
      const workload = await writeTo(shop);
      await workload.during(shop.snapshotEnded(SOON_MS));
      await workload.during(shop.settled(SOON_MS));

      await shop.stopWorkers();
      rmSync(shop.warehouse);
      shop.startWorker();
      const inGap = ({ state }: { readonly state: string }): boolean => state === 'GAP';
      const { state, sinks } = await workload.during(
        shop.statusWhen('a GAP of the sink', (status) => status.sinks.some(inGap), SOON_MS),
      );
      expect(state).toBe('STREAMING');
      const incident = sinks[0]?.incident;
      expect(incident).toMatchObject({
        code: 'sink.warehouse-lost',
        actions: ['retry', 'resnapshot'],
      });
      expect(existsSync(shop.warehouse)).toBe(false);

      const answer = ['recover', shop.name, '--incident', incident?.id ?? ''];
      await workload.during(sluice(shop.place, [...answer, '--action', 'resnapshot', '--yes']));
      await workload.during(everyTableConsistent(shop.query));
      await workload.stop();
      await expectEverythingEqual(shop);
    },
    STACK_TEST_MS,
  );
});

describe.skipIf(!givenServers())('a sink that is added to a running pipeline', () => {
  it(
    'has every row, though topics have lost records by then',
    async () => {
      await using scope = await openShop();
      const { shop } = scope;
      shop.startWorker();
      await shop.apply();
      const workload = await writeTo(shop);
      await workload.during(shop.snapshotEnded(SOON_MS));
      await workload.during(expireTopic(shop, 'customers'));

      const file = join(shop.folder, 'second.duckdb');
      await addSink(shop, 'second', file);
      await workload.during(shop.apply());
      const query = queryOf(file);
      await workload.during(everyTableConsistent(query));
      await workload.stop();
      await expectEverythingEqual(shop);
      const shapes = await readShapes(shop.servers.mysql, shop.name);
      for (const shape of shapes)
        await eventually(`${shape.table} to be equal in both`, SOON_MS, async () => {
          const { differences } = await compareTable(shop.servers.mysql, query, shape);
          return differences === 0 ? true : undefined;
        });
      await shop.client.workflow.getHandle(`cdc/${shop.name}/sink/second`).terminate('the end');
    },
    STACK_TEST_MS,
  );
});

const queryOf =
  (file: string): WarehouseQuery =>
  async (sql) =>
    (await queryWarehouse(file, { sql, limit: 1_000_000 })).rows as readonly (readonly (
      | string
      | null
    )[])[];

/** Until every table of a warehouse has all its rows. */
async function everyTableConsistent(query: WarehouseQuery): Promise<void> {
  const sql =
    'SELECT CAST(bool_and(consistent) AS VARCHAR), CAST(count(*) AS VARCHAR) FROM _cdc_status';
  await eventually('every table to be consistent', 2 * SOON_MS, async () => {
    const [[consistent, tables] = []] = await query(sql).catch(() => []);
    return consistent === 'true' && Number(tables) > 5 ? true : undefined;
  });
}

/** As retention does it: the topic's present records go, once the sink that is there has read them. */
async function expireTopic(shop: ShopPipeline, table: string): Promise<void> {
  const topic = `${shop.name}.${shop.name}.${table}`;
  const { brokers } = shop.servers.kafka;
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  await shop.settled(SOON_MS);
  const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
  await admin.deleteTopicRecords({ topic, partitions });
  await admin.disconnect();
}

async function addSink(shop: ShopPipeline, name: string, file: string): Promise<void> {
  const pipeline = parse(await readFile(shop.file, 'utf8')) as {
    sinks: Record<string, object>;
  };
  pipeline.sinks[name] = { ...pipeline.sinks['warehouse'], file };
  await writeFile(shop.file, stringify(pipeline));
}
