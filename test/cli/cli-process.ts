/**
 * The command line with servers that live in this process, to be spawned by tests. What reaches
 * them is printed on stderr as `PORT {…}` lines.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { TableName } from '../../src/change/table.ts';
import { interruptSignal } from '../../src/cli/interrupt.ts';
import type { CliPorts, PipelineControl } from '../../src/cli/ports.ts';
import { runCli } from '../../src/cli/program.ts';
import { readPipelineFile } from '../../src/config/pipeline-file.ts';
import { SluiceError } from '../../src/errors/error.ts';
import type { CommandReceipt } from '../../src/temporal/pipeline-client.ts';
import type { PipelineView } from '../../src/temporal/pipeline-view.ts';

function reached(port: string, ...received: readonly unknown[]): void {
  process.stderr.write(`PORT ${JSON.stringify([port, ...received])}\n`);
}

/** Pipeline `unserved` has no worker. */
function received(port: string, pipeline: string, ...more: readonly unknown[]): CommandReceipt {
  reached(port, pipeline, ...more);
  return pipeline === 'unserved'
    ? { taken: false, message: 'No worker answers.' }
    : { taken: true, message: 'Taken.' };
}

const SHOP: PipelineView = {
  pipeline: 'shop',
  isAnswered: true,
  state: 'GAP',
  sinceMs: Date.now() - 65_000,
  reason: 'binlog purged',
  sinks: [{ name: 'warehouse', state: 'STREAMING' }],
  incident: {
    id: 'gap-1',
    code: 'binlog.purged',
    message: 'The server purged u:1-905.',
    openedAtMs: 1_700_000_000_000,
    actions: ['retry', 'resnapshot'],
  },
};

/** Nothing is wrong with it. */
const calm = (pipeline: string): PipelineView => ({
  pipeline,
  isAnswered: true,
  state: 'STREAMING',
  sinceMs: Date.now() - 65_000,
  sinks: [{ name: 'warehouse', state: 'RUNNING' }],
});

const control: PipelineControl = {
  apply: async ({ spec, unplaced = [] }) => ({
    ...received('apply', spec.pipeline, unplaced),
    workflowId: `cdc/${spec.pipeline}`,
    created: true,
    places: [{ sink: 'warehouse', host: 'etl-2', isServed: false, formerHost: 'etl-1' }],
  }),
  list: async () => [SHOP],
  status: async (pipeline) => {
    if (pipeline === 'calm') return calm(pipeline);
    const waits = /^waits-(\d+)$/.exec(pipeline)?.[1];
    if (waits === undefined) return { ...SHOP, pipeline };
    return { ...calm(pipeline), waitingSinceMs: Date.now() - Number(waits) * 1_000 };
  },
  config: async () => readPipelineFile(process.env['FAKE_CONFIG'] ?? ''),
  incidents: async () => (SHOP.incident ? [SHOP.incident] : []),
  pause: async (pipeline, { reason }) => received('pause', pipeline, reason),
  resume: async (pipeline) => received('resume', pipeline),
  resnapshot: async (pipeline, { sink }) => received('resnapshot', pipeline, sink),
  requestSnapshot: async (pipeline, { tables }) => ({
    ...received('snapshot', pipeline, tables),
    snapshotId: 's-1',
  }),
  recover: async (pipeline, { by: _, ...request }) => received('recover', pipeline, request),
  drop: async (pipeline, { deleteTopics }) => received('drop', pipeline, deleteTopics),
  [Symbol.asyncDispose]: async () => reached('closed'),
};

const ports: CliPorts = {
  runWorker: async ({ address, namespace, metricsPort, host, slots, secrets, signal }) => {
    reached('worker', { address, namespace, metricsPort, host, slots, secrets });
    await delay(60_000, undefined, { signal }).catch(() => undefined);
    reached('worker ended in order');
  },
  drainWorker: async ({ onStep, signal: _, ...asked }) => {
    reached('drain', asked);
    if (asked.pid === 404) throw new SluiceError('drain.no-worker', 'No worker answers.');
    onStep({ pipeline: 'shop', became: 'ending' });
    onStep({ pipeline: 'shop', became: 'handedOver' });
    if (asked.force) onStep({ pipeline: 'shop', sink: 'warehouse', became: 'ended' });
    else
      onStep({
        ...{ pipeline: 'shop', sink: 'warehouse', became: 'kept' },
        reason: 'no other worker serves cdc-sink.etl-1',
      });
    return { isEmpty: asked.force };
  },
  checkPipeline: async () => ({
    findings: [
      { check: 'binlog_format', severity: 'ok', message: 'is ROW' },
      {
        check: 'gtid_mode',
        severity: 'fatal',
        message: 'is OFF',
        fixSql: 'SET PERSIST gtid_mode = ON;',
      },
      {
        check: 'sinks.lake.jobs',
        severity: 'warning',
        message: 'are refused',
        fixCommand: 'gcloud projects add-iam-policy-binding acme',
      },
    ],
  }),
  tableStandings: async () => ({
    tables: [
      {
        table: 'shop.orders' as TableName,
        capture: { state: 'followed', copy: { rows: 250_000, estimatedRows: 1_000_000 } },
        sinks: { warehouse: { status: 'snapshotting', since: '2026-11-23 05:00:00+00' } },
      },
      {
        table: 'shop.notes' as TableName,
        capture: { state: 'stopped', code: 'table.no-key', reason: 'It has none.' },
        sinks: {},
      },
      { table: 'shop.old' as TableName, sinks: { warehouse: { status: 'consistent' } } },
    ],
    unanswered: [{ sink: 'lake', reason: 'Nobody is there.' }],
  }),
  sinkCosts: async (spec, { maxTables }) => [
    {
      sink: Object.keys(spec.sinks).join(),
      project: 'acme-data',
      dataset: 'sluice_shop',
      sinceMs: 0,
      commits: 960,
      days: ['shop.orders', 'shop.lines'].map((table, index) => ({
        table,
        day: '2026-11-22',
        loads: 960,
        rows: 1_000 * (index + 1),
        loadedBytes: 2 ** 20,
        streamedBytes: 0,
        compactions: 4,
        compactionBytes: 3 * 2 ** 30,
      })),
      reads: [{ table: 'shop.orders', now: 2 ** 30, latest: 2 ** 29 }].slice(0, maxTables),
      month: {
        compactionBytes: 2 ** 40,
        lookBytes: 2 ** 30,
        commitBytes: 2 ** 39,
        streamedBytes: 0,
        usd: 9.375,
      },
      stored: { tables: 1, bytes: 3 * 2 ** 30, usdAMonth: 0.06 },
      price: '6.25 USD a TiB',
      advice: [
        { setting: 'compactionIntervalMs', value: '43200000', because: 'fewer', savesUsd: 3.125 },
      ],
    },
  ],
  pipelineTopics: async (spec) => [`${spec.kafka.prefix}.shop.orders`],
  async *tailTopic({ limit = Number.POSITIVE_INFINITY, signal }) {
    for (let offset = 0; offset < limit; offset += 1) {
      yield {
        partition: 0,
        offset,
        timestampMs: 0,
        key: '{"id":1}',
        value: offset === 1 ? null : '{}',
        headers: {},
      };
      if (offset === 1) await delay(limit < 10 ? 0 : 60_000, undefined, { signal });
    }
  },
  async *streamQuery(_file, { sql, limit = 10 }) {
    yield { columns: ['id', sql.includes('twice') ? 'id' : 'name\u009b'] };
    const rows = [
      [1, 'ana\u001b[2J\n'],
      ['22', null],
      ['-3', ''],
      [null, ['a,"b"', { wkb: '\\x01ff', none: null }]],
    ];
    yield { rows: rows.slice(0, limit) };
    if (sql.includes('fails'))
      throw new SluiceError('query.refused', 'The query was not answered: \u001b[2J');
    yield { end: { truncated: limit < rows.length } };
  },
  connect: async ({ address, namespace }) => {
    reached('connect', address, namespace);
    if (address === 'nowhere:1')
      throw new SluiceError('temporal.unreachable', `No Temporal server answers at ${address}.`);
    if (address === 'silent:1') await delay(60_000);
    return control;
  },
};

const signal = interruptSignal();
const exitCode = await runCli(process.argv.slice(2), { ports, signal, env: process.env });
if (signal.aborted) process.exit(exitCode);
process.exitCode = exitCode;
