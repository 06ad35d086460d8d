import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { ShopPipeline } from '../../demo/shop-pipeline.ts';
import type { WorkerProcess } from '../../demo/worker-process.ts';
import type { Workload } from '../../demo/workload.ts';
import type { Stack } from '../../tools/stack/stack.ts';
import {
  captureGoesOn,
  expectEverythingEqual,
  givenServers,
  openShop,
  ownServers,
  SOON_MS,
  STACK_TEST_MS,
  writeTo,
} from '../support/shop-harness.ts';

/**
 * A lone Kafka 4.3 broker that is killed in the milliseconds between the decision to commit and the
 * last marker loses the rest of the markers when it starts again; capture then stops with
 * `kafka.transaction-hanging`. A worker that stood still for so long has no commit under way; a
 * transaction that it has begun stays open and dies with the broker.
 */
const COMMIT_MS = 500;

/** The servers are stopped, so they are the test's own. */
describe.skipIf(!givenServers())('a server that goes away under load and comes back', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let shop: ShopPipeline;
  let worker: WorkerProcess;
  let workload: Workload;
  let seed = 42;

  const write = async (): Promise<void> => {
    workload = await writeTo(shop, { seed });
    seed += 2;
  };

  beforeAll(async () => {
    stack = scope.use(await ownServers(['mysql', 'kafka', 'temporal']));
    const { mysql, kafka, temporal } = stack.addresses;
    if (!mysql || !kafka || !temporal) throw new Error('a server is missing');
    ({ shop } = scope.use(await openShop({ servers: { mysql, kafka, temporal } })));
    worker = shop.startWorker();
    await shop.apply();
    await write();
    await workload.during(shop.snapshotEnded(SOON_MS));
  }, STACK_TEST_MS);

  afterAll(async () => {
    await workload.stop().catch(() => undefined);
    await scope.disposeAsync();
  }, STACK_TEST_MS);

  const healed = async (): Promise<void> => {
    await workload.during(captureGoesOn(shop));
    await workload.during(shop.settled(SOON_MS));
    await workload.stop();
    await expectEverythingEqual(shop);
    await write();
  };

  it(
    'kafka is crashed and started again: capture goes on by itself and nothing is lost',
    async () => {
      worker.signal('SIGSTOP');
      await sleep(COMMIT_MS);
      await stack.stop('kafka', { signal: 'SIGKILL' });
      worker.signal('SIGCONT');
      await stack.start('kafka');
      await healed();
    },
    STACK_TEST_MS,
  );

  it(
    'temporal is crashed and started again: capture goes on by itself and nothing is lost',
    async () => {
      await stack.stop('temporal', { signal: 'SIGKILL' });
      await stack.start('temporal');
      await healed();
    },
    STACK_TEST_MS,
  );

  it(
    'mysql is crashed and started again: capture goes on by itself and nothing is lost',
    async () => {
      await stack.stop('mysql', { signal: 'SIGKILL' });
      // The writer has lost its connections, and with them what it had not committed.
      await workload.stop().catch(() => undefined);
      await stack.start('mysql');
      await write();
      await healed();
    },
    STACK_TEST_MS,
  );
});
