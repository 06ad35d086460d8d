import { describe, expect, it } from 'vitest';
import type { BigQuerySinkSpec } from '../../src/control/pipeline-spec.ts';
import { sinkFindings } from '../../src/workers/sink-preflight.ts';
import { googleServer, told } from '../bigquery/google-server.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

const sink: BigQuerySinkSpec = {
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
};

describe('the check of the sinks of a pipeline', () => {
  it('tells by name which sink it speaks of, and leaves other kinds alone', async () => {
    await using server = await googleServer(() => told({ location: 'EU' }));
    const { sinks } = aPipelineSpec();
    const spec = aPipelineSpec({
      sinks: {
        ...sinks,
        broken: { ...sink, keyFile: '/nowhere/key.json' },
        emulated: { ...sink, endpoint: `${server.url}/` },
      },
    });
    const findings = await sinkFindings(spec);
    expect(findings.map(({ check, severity }) => `${check} ${severity}`)).toEqual([
      'sinks.broken.credentials fatal',
      'sinks.emulated.project ok',
      'sinks.emulated.jobs ok',
    ]);
  });
});
