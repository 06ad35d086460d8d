import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { Kafka, logLevel } from 'kafkajs';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { AddressByName } from '../../../tools/stack/address.ts';
import { runningPid } from '../../../tools/stack/detached-process.ts';
import { openStack, type Stack, stackStatus, startStack } from '../../../tools/stack/stack.ts';
import { stackCommand } from './command-line.ts';
import { scratchFolder } from './scratch-folder.ts';

const MAIN = join(import.meta.dirname, '../../../tools/stack/main.ts');

const CDC_STATE = defineSearchAttributeKey('CdcState', SearchAttributeType.KEYWORD);

/** The environment without addresses: here the servers are to be our own, from packages. */
const env = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('SLUICE_')),
  ),
  SLUICE_STACK_ENGINE: 'packages',
};

async function sql(address: AddressByName['mysql'] | undefined, statement: string) {
  if (address === undefined) throw new Error('no address');
  const connection = await createConnection({ ...address });
  try {
    return (await connection.query(statement))[0];
  } finally {
    await connection.end();
  }
}

describe.skipIf(!process.env['SLUICE_TEST_MYSQL'])('a stack of real servers', () => {
  let dir: string;
  let stack: Stack;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-stack-'));
    stack = await startStack({ dir, env });
  }, 600_000);
  afterAll(() => openStack({ dir, env }).down(), 60_000);

  it('is found as it is by a second start', async () => {
    const before = await stackStatus({ dir, env });
    const again = await startStack({ dir, env });
    expect(again.addresses).toEqual(stack.addresses);
    expect(await stackStatus({ dir, env })).toEqual(before);
  });

  it('has a MySQL with the settings of a source, durable as shipped', async () => {
    const variables = `SELECT @@gtid_mode, @@enforce_gtid_consistency, @@binlog_row_metadata,
      @@binlog_format, @@sync_binlog, @@innodb_flush_log_at_trx_commit, @@max_allowed_packet`;
    expect(await sql(stack.addresses.mysql, variables)).toEqual([
      {
        '@@gtid_mode': 'ON',
        '@@enforce_gtid_consistency': 'ON',
        '@@binlog_row_metadata': 'FULL',
        '@@binlog_format': 'ROW',
        '@@sync_binlog': 1,
        '@@innodb_flush_log_at_trx_commit': 1,
        '@@max_allowed_packet': 64 * 1024 * 1024,
      },
    ]);
  });

  it('keeps a committed row over the death of MySQL, on the same port', async () => {
    const { mysql } = stack.addresses;
    await sql(mysql, 'CREATE DATABASE crash');
    await sql(mysql, 'CREATE TABLE crash.t (id INT PRIMARY KEY)');
    await sql(mysql, 'INSERT INTO crash.t VALUES (42)');
    await stack.stop('mysql', { signal: 'SIGKILL' });
    await expect(sql(mysql, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    await stack.start('mysql');
    expect(await sql(mysql, 'SELECT id FROM crash.t')).toEqual([{ id: 42 }]);
  }, 60_000);

  it('keeps a topic over a restart of Kafka, on the same port', async () => {
    const brokers = [...(stack.addresses.kafka?.brokers ?? [])];
    const admin = () => new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
    const before = admin();
    await before.connect();
    await before.createTopics({ topics: [{ topic: 'kept', numPartitions: 3 }] });
    await before.disconnect();
    await stack.stop('kafka');
    await stack.start('kafka');
    const after = admin();
    await after.connect();
    const { topics } = await after.fetchTopicMetadata({ topics: ['kept'] });
    await after.disconnect();
    expect(topics[0]?.partitions).toHaveLength(3);
  }, 60_000);

  it("keeps a workflow's history over the death of Temporal", async () => {
    const address = stack.addresses.temporal?.address ?? '';
    const first = await Connection.connect({ address });
    await new Client({ connection: first }).workflow.start('nobodyRunsIt', {
      ...{ taskQueue: 'none', workflowId: 'kept' },
      typedSearchAttributes: [{ key: CDC_STATE, value: 'STREAMING' }],
    });
    await first.close();
    await stack.stop('temporal', { signal: 'SIGKILL' });
    await stack.start('temporal');
    const second = await Connection.connect({ address });
    const found = await new Client({ connection: second }).workflow.getHandle('kept').describe();
    await second.close();
    expect(found.typedSearchAttributes.get(CDC_STATE)).toBe('STREAMING');
  }, 60_000);

  it('starts what was killed behind its back, with its data', async () => {
    const status = await stackStatus({ dir, env });
    if (status.mysql.kind !== 'running' || status.mysql.pid === undefined) throw new Error('down');
    const { pid } = status.mysql;
    process.kill(pid, 'SIGKILL');
    // A process that still dies holds its data folder's locks.
    await expect.poll(() => existsSync(`/proc/${pid}/cwd`)).toBe(false);
    const again = await startStack({ dir, env, only: ['mysql'] });
    expect(again.addresses.mysql).toEqual(stack.addresses.mysql);
    expect(await sql(again.addresses.mysql, 'SELECT id FROM crash.t')).toEqual([{ id: 42 }]);
  }, 60_000);

  it('is gone after down, with its data', async () => {
    const folder = scratchFolder();
    const own = await startStack({ dir: join(folder, 'own'), env, only: ['temporal'] });
    const status = await stackStatus({ dir: join(folder, 'own'), env });
    const pid = status.temporal.kind === 'running' ? status.temporal.pid : undefined;
    expect(existsSync(`/proc/${pid}/cwd`)).toBe(true);
    await own.down();
    expect(existsSync(`/proc/${pid}/cwd`)).toBe(false);
    expect(existsSync(join(folder, 'own'))).toBe(false);
  }, 60_000);

  it.each(['preparing its data folder', 'starting'])(
    'comes up although its starter was killed while %s',
    async (stage) => {
      const run = { dir: scratchFolder(), env };
      onTestFinished(() => openStack(run).down());
      const starter = spawn(process.execPath, [MAIN, 'up', '--only', 'mysql'], {
        env: { ...env, SLUICE_STACK_DIR: run.dir },
      });
      const closed = once(starter, 'close');
      for await (const text of starter.stderr) {
        if (String(text).includes(stage)) starter.kill('SIGKILL');
      }
      await closed;
      const { addresses } = await startStack({ ...run, only: ['mysql'] });
      expect(await sql(addresses.mysql, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    },
    60_000,
  );

  it('has its addresses printed as one JSON document by the command line', async () => {
    const { code, stdout } = await stackCommand(['up', '--json'], {
      ...env,
      SLUICE_STACK_DIR: dir,
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(stack.addresses);
  });

  it('leaves nothing running when one of its servers cannot start', async () => {
    const run = { dir: scratchFolder(), env };
    const failing = { ...env, JAVA_TOOL_OPTIONS: '-XX:NoSuchOption' };
    const start = startStack({ ...run, env: failing, only: ['temporal', 'kafka'] });
    await expect(start).rejects.toThrow('NoSuchOption');
    expect(await runningPid(join(run.dir, 'temporal'))).toBeUndefined();
    expect(await runningPid(join(run.dir, 'kafka'))).toBeUndefined();
  }, 60_000);
});
