import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { listTopics } from '../../demo/read-topics.ts';
import { eventually, type ShopPipeline } from '../../demo/shop-pipeline.ts';
import { type Place, WorkerProcess } from '../../demo/worker-process.ts';
import { PipelineClient, type PipelineView } from '../../src/temporal/pipeline-client.ts';
import type { TableStandings } from '../../src/workers/table-standings.ts';
import { freePort } from '../../tools/stack/port.ts';
import {
  accountOf,
  type Change,
  expectSaid,
  fileWith,
  sluice,
  WRONG_PASSWORD,
} from '../support/command-line.ts';
import { ownNamespace } from '../support/own-namespace.ts';
import {
  expectEverythingEqual,
  givenServers,
  openShop,
  SOON_MS,
  STACK_TEST_MS,
} from '../support/shop-harness.ts';

describe.skipIf(!givenServers())('a pipeline that is applied and cannot begin', () => {
  const scope = new AsyncDisposableStack();
  let shop: ShopPipeline;

  beforeAll(async () => {
    ({ shop } = scope.use(await openShop({ scale: 0.01 })));
    shop.startWorker(WRONG_PASSWORD);
  }, STACK_TEST_MS);

  afterAll(() => scope.disposeAsync(), STACK_TEST_MS);

  /** Applies a file of its own and waits until the pipeline says what is wrong. */
  const applied = async (name: string, change: Change, isTold: (view: PipelineView) => boolean) => {
    const pipeline = `${shop.name}-${name}`;
    const warehouse = join(shop.folder, `${name}.duckdb`);
    const file = await fileWith(shop, name, {
      pipeline,
      sinks: { warehouse: { kind: 'duckdb', file: warehouse } },
      ...change,
      // Beside the shop's own prefix: one within the other is refused.
      kafka: { prefix: `${shop.name}-${name}`, ...change.kafka },
    });
    expect((await sluice(shop.place, ['apply', file])).exitCode).toBe(0);
    const client = new PipelineClient(shop.client);
    const view = await eventually(`${pipeline} to say what is wrong`, SOON_MS, async () => {
      const status = await client.status(pipeline);
      return isTold(status) ? status : undefined;
    });
    return { pipeline, warehouse, file, view, prefix: `${shop.name}-${name}` };
  };
  const isBlocked = ({ state, incident }: PipelineView): boolean =>
    state === 'BLOCKED' && incident !== undefined;

  /** What `sluice status` shows to a person, and what is there of a pipeline that did not begin. */
  const expectNotBegun = async (
    { pipeline, warehouse, prefix }: Awaited<ReturnType<typeof applied>>,
    said: readonly string[],
    exitCode = 1,
  ): Promise<void> => {
    const status = await sluice(shop.place, ['status', pipeline]);
    expectSaid(status, { exitCode, said });
    expect(status.stdout).toMatch(/sink warehouse +NOT STARTED/);
    expect(await listTopics(shop.servers.kafka.brokers, `${prefix}.`)).toEqual([]);
    await expect(access(warehouse)).rejects.toMatchObject({ code: 'ENOENT' });
  };

  const untilStreaming = (pipeline: string): Promise<true> =>
    eventually(`${pipeline} to stream`, SOON_MS, async () => {
      const { state, progress } = await new PipelineClient(shop.client).status(pipeline);
      return state === 'STREAMING' && progress?.checkpoint !== undefined ? true : undefined;
    });

  it(
    'a wrong password is tried again under an incident, and nothing is made meanwhile',
    async () => {
      const password = { env: 'SLUICE_TEST_WRONG_PASSWORD' };
      const change = { source: { password }, failures: { incidentAfterMs: 1_000 } };
      const made = await applied('password', change, ({ incident }) => incident !== undefined);
      await expectNotBegun(made, ['PROVISIONING', 'mysql.access-denied', 'and is tried again']);
      await sluice(shop.place, ['drop', made.pipeline, '--yes']);
    },
    STACK_TEST_MS,
  );

  it(
    'a missing privilege blocks it, and it runs once the GRANT was done and sluice resume said so',
    async () => {
      const account = await accountOf(shop);
      await shop.run(`REVOKE REPLICATION SLAVE ON *.* FROM ${account}`);
      const cure = `GRANT REPLICATION SLAVE ON *.* TO ${account}`;
      const made = await applied('grant', {}, isBlocked);
      await expectNotBegun(made, ['BLOCKED', 'source.not-ready', cure]);

      await shop.run(cure);
      expect((await sluice(shop.place, ['resume', made.pipeline])).exitCode).toBe(0);
      await untilStreaming(made.pipeline);
      expect((await sluice(shop.place, ['status', made.pipeline])).stdout).not.toContain(
        'source.not-ready',
      );
      await sluice(shop.place, ['drop', made.pipeline, '--yes']);
    },
    STACK_TEST_MS,
  );

  it(
    'a table without a primary key blocks it where its file asks for that, and excluded frees it',
    async () => {
      await shop.run('CREATE TABLE keyless (note TEXT)');
      try {
        const tables = { [`${shop.name}.keyless`]: { onFailure: 'stop-pipeline' } };
        const made = await applied('keyless', { source: { tables } }, isBlocked);
        const said = `Table ${shop.name}.keyless has no primary key.`;
        await expectNotBegun(made, ['BLOCKED', 'source.not-ready', said]);

        const { source, ...rest } = parse(await readFile(made.file, 'utf8')) as Required<Change>;
        const exclude = [`${shop.name}.keyless`];
        await writeFile(made.file, stringify({ ...rest, source: { ...source, exclude } }));
        expect((await sluice(shop.place, ['apply', made.file])).exitCode).toBe(0);
        await untilStreaming(made.pipeline);
        await sluice(shop.place, ['drop', made.pipeline, '--yes']);
      } finally {
        await shop.run('DROP TABLE keyless');
      }
    },
    STACK_TEST_MS,
  );

  it(
    'a table without a primary key stops alone, says so, and returns once it has one',
    async () => {
      await shop.run('CREATE TABLE lonely (note INT)', 'INSERT INTO lonely VALUES (1)');
      try {
        const name = `${shop.name}.lonely`;
        const made = await applied('lonely', {}, ({ stopped }) => stopped?.count === 1);
        expect(made.view.stopped?.tables).toMatchObject([{ table: name, code: 'table.no-key' }]);
        await untilStreaming(made.pipeline);
        expectSaid(await sluice(shop.place, ['status', made.pipeline]), {
          exitCode: 1,
          said: ['STREAMING', name, 'table.no-key'],
        });
        const listed = await sluice(shop.place, ['status', made.pipeline, '--tables', '--json']);
        expect(listed.exitCode).toBe(1);
        const { result } = JSON.parse(listed.stdout) as { readonly result: TableStandings };
        expect(result.unanswered).toEqual([]);
        expect(result.tables.find(({ table }) => table === name)).toMatchObject({
          capture: { state: 'stopped', code: 'table.no-key' },
          sinks: { warehouse: { status: 'stopped', code: 'table.no-key' } },
        });
        const { stdout } = await sluice(shop.place, ['status', made.pipeline, '--tables']);
        expect(stdout).toMatch(/^TABLE +CAPTURE +WAREHOUSE/);
        expect(stdout).toContain('stopped (table.no-key)');
        await shop.run('ALTER TABLE lonely ADD PRIMARY KEY (note)');
        const client = new PipelineClient(shop.client);
        await eventually(`${name} to return`, SOON_MS, async () => {
          const { stopped } = await client.status(made.pipeline);
          return stopped === undefined ? true : undefined;
        });
        await sluice(shop.place, ['drop', made.pipeline, '--yes']);
      } finally {
        await shop.run('DROP TABLE lonely');
      }
    },
    STACK_TEST_MS,
  );

  it(
    'a broker that does not answer is named while the pipeline waits for it',
    async () => {
      const broker = `127.0.0.1:${await freePort()}`;
      const made = await applied(
        'broker',
        { kafka: { brokers: [broker] } },
        ({ reason }) => reason?.includes(broker) === true,
      );
      expect(made.view).toMatchObject({ state: 'PROVISIONING' });
      expect(made.view.incident).toBeUndefined();
      // It may be back in a moment: nobody has to do anything yet.
      await expectNotBegun(made, ['PROVISIONING', broker], 0);
      await sluice(shop.place, ['drop', made.pipeline, '--yes']);
    },
    STACK_TEST_MS,
  );

  describe('beside a pipeline that runs', () => {
    beforeAll(async () => {
      await sluice(shop.place, ['apply', shop.file]);
      await shop.snapshotEnded(SOON_MS);
    }, STACK_TEST_MS);

    /** Had it been fenced, the owner could not write another transaction. */
    const expectUnharmed = async (): Promise<void> => {
      await shop.run('UPDATE products SET stock = stock + 1');
      await expectEverythingEqual(shop);
      const { state, incident } = await shop.status();
      expect({ state, incident }).toEqual({ state: 'STREAMING', incident: undefined });
    };

    it(
      'a second pipeline with its prefix is blocked and told whose it is',
      async () => {
        const made = await applied('prefix', { kafka: { prefix: shop.name } }, isBlocked);
        expectSaid(await sluice(shop.place, ['status', made.pipeline]), {
          exitCode: 1,
          said: [
            'BLOCKED',
            'pipeline.foreign-owner',
            `Topic prefix ${shop.name} belongs to pipeline ${shop.place.namespace}/cdc/${shop.name}`,
          ],
        });
        await expect(access(made.warehouse)).rejects.toMatchObject({ code: 'ENOENT' });
        await expectUnharmed();
        await sluice(shop.place, ['drop', made.pipeline, '--yes']);
        await expectUnharmed();
      },
      STACK_TEST_MS,
    );

    it(
      'the same pipeline applied from another namespace is blocked and told whose it is',
      async () => {
        await using elsewhere = await ownNamespace(
          shop.servers.temporal,
          `${shop.place.namespace}_elsewhere`,
        );
        const place: Place = { ...shop.place, namespace: elsewhere.place.namespace };
        const file = await fileWith(shop, 'elsewhere', {
          sinks: { warehouse: { kind: 'duckdb', file: join(shop.folder, 'elsewhere.duckdb') } },
        });
        const other = new WorkerProcess(place, join(shop.folder, 'elsewhere.log'));
        try {
          expect((await sluice(place, ['apply', file])).exitCode).toBe(0);
          const status = await eventually('the namesake to be blocked', SOON_MS, async () => {
            const outcome = await sluice(place, ['status', shop.name]);
            return outcome.stdout.includes('BLOCKED') ? outcome : undefined;
          });
          expectSaid(status, {
            exitCode: 1,
            said: [
              'pipeline.foreign-owner',
              `belongs to pipeline ${shop.place.namespace}/cdc/${shop.name}`,
            ],
          });
          await expectUnharmed();
        } finally {
          await other.kill();
        }
      },
      STACK_TEST_MS,
    );

    it(
      'a sink that was given the warehouse of another pipeline is blocked and told whose it is',
      async () => {
        const warehouse = join(shop.folder, 'shared.duckdb');
        const sinks = { warehouse: { kind: 'duckdb', file: warehouse } };
        const first = await applied(
          'first',
          { sinks },
          (view) => view.sinks[0]?.progress !== undefined,
        );
        await sluice(shop.place, ['drop', first.pipeline, '--yes']);
        const second = await applied(
          'second',
          { sinks },
          (view) => view.sinks[0]?.incident !== undefined,
        );
        expect(second.view).toMatchObject({ state: 'STREAMING', sinks: [{ state: 'BLOCKED' }] });
        expectSaid(await sluice(shop.place, ['status', second.pipeline]), {
          exitCode: 1,
          said: ['sink.foreign-warehouse', warehouse, first.pipeline],
        });
        await sluice(shop.place, ['drop', second.pipeline, '--yes']);
      },
      STACK_TEST_MS,
    );

    it(
      'a sink whose file another process holds says so, and goes on by itself once it is free',
      async () => {
        const warehouse = join(shop.folder, 'held.duckdb');
        const sinks = { warehouse: { kind: 'duckdb', file: warehouse } };
        const holder = await hold(warehouse);
        let made: Awaited<ReturnType<typeof applied>>;
        try {
          made = await applied('held', { sinks }, (view) =>
            JSON.stringify(view.sinks[0]).includes('another process'),
          );
          expectSaid(await sluice(shop.place, ['status', made.pipeline]), {
            exitCode: 0,
            said: ['STREAMING', warehouse, 'is open in another process'],
          });
        } finally {
          await holder[Symbol.asyncDispose]();
        }
        const client = new PipelineClient(shop.client);
        await eventually('the sink to go on', SOON_MS, async () => {
          const {
            sinks: [sink],
          } = await client.status(made.pipeline);
          return (sink?.progress?.rows ?? 0) > 0 ? sink : undefined;
        });
        await sluice(shop.place, ['drop', made.pipeline, '--yes']);
      },
      STACK_TEST_MS,
    );
  });
});

/** A process that has opened the file in DuckDB, as a notebook would; it ends with the scope. */
async function hold(file: string): Promise<AsyncDisposable> {
  const script = `import { DuckDBInstance } from '@duckdb/node-api';
    const instance = await DuckDBInstance.create(${JSON.stringify(file)});
    process.stdout.write('held');
    setInterval(() => instance, 60_000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(holder, 'exit');
  await Promise.race([
    once(holder.stdout, 'data'),
    exited.then(() => Promise.reject(new Error('the holder of the file has ended'))),
  ]);
  return {
    [Symbol.asyncDispose]: async () => {
      holder.kill('SIGKILL');
      await exited;
    },
  };
}
