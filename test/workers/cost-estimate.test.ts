import { expect, it } from 'vitest';
import { estimates } from '../../src/workers/cost-estimate.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

it('says of each sink in BigQuery, and of no other, between what a month costs', () => {
  const { sinks } = aPipelineSpec();
  const lake = {
    kind: 'bigquery',
    project: 'acme',
    location: 'EU',
    internalDataset: 'sluice_shop',
    dataset: '{database}',
    table: '{table}',
    labels: {},
    loadIntervalMs: 90_000,
    maxBatchBytes: 1 << 26,
    compactionIntervalMs: 21_600_000,
    compactionPriority: 'interactive',
    onRefusedRow: 'stop',
  } as const;
  const stream = { ...lake, writePath: 'storage-write' } as const;
  const spec = aPipelineSpec({ sinks: { ...sinks, lake, stream } });
  const found = estimates(spec, { tables: 500, dataBytes: 100 * 2 ** 30 });
  expect(found).toEqual([
    {
      check: 'sinks.lake.cost',
      severity: 'ok',
      message: expect.stringMatching(
        /costs 0\.77 USD when nothing changes and 176\.\d\d USD when all of the 500 tables \(100\.0 GiB\)/,
      ) as string,
    },
    expect.objectContaining({
      check: 'sinks.stream.cost',
      message: expect.stringContaining('by stream come on top, 0.025 USD a GiB') as string,
    }),
  ]);
});
