import { describe, expect, it } from 'vitest';
import type { BigQuerySinkSpec } from '../../src/control/pipeline-spec.ts';
import { costFindings } from '../../src/workers/cost-preflight.ts';
import { account, MYSQL_URL, never, testDatabase } from '../mysql/support.ts';
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
  compactionPriority: 'interactive',
  onRefusedRow: 'stop',
};

const PASSWORD = 'SLUICE_COST_TEST_PASSWORD';

describe.skipIf(!MYSQL_URL)('the cost that a check tells', () => {
  it('is a finding for each sink that has a bill, by what the source says', async () => {
    await using db = await testDatabase();
    await db.run(
      'CREATE TABLE orders (id INT PRIMARY KEY)',
      'CREATE TABLE items (id INT PRIMARY KEY)',
    );
    const { host, port, user, password } = account();
    process.env[PASSWORD] = password;
    const { source, sinks } = aPipelineSpec();
    const spec = aPipelineSpec({
      source: {
        ...source,
        host,
        port,
        user,
        password: { env: PASSWORD },
        include: [`${db.name}.*`],
      },
      sinks: { ...sinks, slow: { ...sink, loadIntervalMs: 900_000 }, fast: sink },
    });
    const findings = await costFindings(spec, never);
    expect(findings.map(({ check, severity }) => [check, severity])).toEqual([
      ['sinks.slow.cost', 'ok'],
      ['sinks.fast.cost', 'ok'],
    ]);
    expect(findings[0]?.message).toContain('of 2 tables');
    expect(findings[0]?.message).toContain('every load (900 s)');
    expect(findings[1]?.message).toContain('every load (90 s)');
  });

  it('asks no server where no sink has a bill', async () => {
    expect(await costFindings(aPipelineSpec(), never)).toEqual([]);
  });
});
