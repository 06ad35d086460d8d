import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePipeline } from '../../src/config/pipeline-file.ts';
import { readStoredSpec } from '../../src/config/stored-spec.ts';
import type { PipelineSpec } from '../../src/control/pipeline-spec.ts';
import { SluiceError } from '../../src/errors/error.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

/** Every key that a file can have and a specification has in another form. */
const EVERYTHING = `pipeline: shop
source:
  kind: mysql
  host: db
  user: cdc
  password: { file: secrets/pw }
  tls: { ca: ca.pem }
  include: ["shop.*", "\`a.b\`.*"]
  exclude: [shop.audit]
  tables: { "shop.*": { onFailure: stop-pipeline }, shop.orders: { invalidText: bytes } }
kafka:
  brokers: ["k:9092"]
  tls: true
  sasl: { mechanism: scram-sha-512, username: cdc, password: { env: SLUICE_KAFKA_PASSWORD } }
sinks:
  warehouse: { kind: duckdb, file: shop.duckdb }
  lake: { kind: bigquery, project: acme, location: EU, keyFile: key.json, labels: { team: a } }
snapshot:
  schedules: { nightly: { cron: "@daily", tables: [shop.orders] } }
  sweepCascades: { cron: 0 3 * * 0 }
`;

const parsed = (text: string): PipelineSpec =>
  parsePipeline(text, { file: 'shop.yaml', folder: '/srv/pipelines', host: 'etl-1' });

const stored = (spec: PipelineSpec): unknown => JSON.parse(JSON.stringify(spec));

function problemsOf(spec: unknown): readonly string[] {
  try {
    readStoredSpec(spec);
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'config.refused')
      return error.facts['problems'] as readonly string[];
    throw error;
  }
  return [];
}

/** What anybody can make of a good specification. */
function changed(path: readonly string[], value: unknown): unknown {
  const spec = stored(parsed(EVERYTHING));
  let at = spec as Record<string, unknown>;
  for (const step of path.slice(0, -1)) at = at[step] as Record<string, unknown>;
  at[path.at(-1) ?? ''] = value;
  return spec;
}

describe('a specification that comes from Temporal', () => {
  it.each([
    ['every key', EVERYTHING],
    [
      'no more than it has to say',
      'pipeline: p\nsource: { kind: mysql, host: h, user: u, password: { env: P }, include: ["a.*"] }\nkafka: { brokers: ["k:1"] }\n',
    ],
  ])('is taken as it is when it was made of a file with %s', (_, text) => {
    const spec = parsed(text);
    expect(readStoredSpec(stored(spec))).toStrictEqual(spec);
  });

  it('has the defaults of what could not be set when it was applied', () => {
    const { failures, source, sinks } = readStoredSpec(stored(aPipelineSpec()));
    expect(failures).toEqual({ incidentAfterMs: 300_000, incidentAfterCount: 10 });
    expect(source.ghostTables).toBe('skip');
    expect(sinks['warehouse']).toMatchObject({ memoryLimitMb: 1024, host: 'warehouse.example' });
  });

  it.each(globSync('test/fixtures/histories/*.json'))('is taken from %s', (file) => {
    const specs = [...readFileSync(file, 'utf8').matchAll(/"data": "([^"]*)"/g)]
      .map(([, data = '']) => Buffer.from(data, 'base64').toString())
      .filter((text) => text.startsWith('{'))
      .flatMap((text) => {
        const { spec, state } = JSON.parse(text) as Record<string, { spec?: unknown } | undefined>;
        return [spec, state?.spec].filter((one) => one !== undefined);
      });
    expect(specs.map(problemsOf)).toEqual(specs.map(() => []));
  });

  it.each([
    [['source', 'exclude'], ['shop.*']],
    [
      ['source', 'tables'],
      [
        {
          pattern: 'shop.old',
          onFailure: 'stop-pipeline',
          invalidText: 'stop',
          beforeImage: 'full',
        },
      ],
    ],
    [['sinks', 'lake', 'storageEndpoint'], 'private.example:443'],
  ])('goes on with %j as %j, which a file could not be applied with any more', (path, value) => {
    expect(problemsOf(changed(path, value))).toEqual([]);
  });

  it.each([
    [['kafka', 'brokers'], ['k:9092', 'thief'], 'kafka.brokers.1: a broker is host:port'],
    [['kafka', 'sasl', 'mechanism'], 'none', 'kafka.sasl.mechanism: must be plain or'],
    [['source', 'password'], 'hunter2', 'source.password: secrets only by reference'],
    [['source', 'password'], { file: 'pw' }, 'source.password.file: must be an absolute path'],
    [['source', 'tls', 'ca'], '../ca.pem', 'source.tls.ca: must be an absolute path'],
    [['source', 'port'], '3306', 'source.port: expected a number, found text'],
    [['source', 'tables'], [7], 'source.tables.undefined: pattern undefined names no table'],
    [['source', 'query'], 'SELECT 1', 'source.query: is not a known key'],
    [['sinks', 'warehouse', 'host'], undefined, 'sinks.warehouse.host: is required'],
    [['sinks', 'lake', 'keyFile'], 'key.json', 'sinks.lake.keyFile: must be an absolute path'],
    [['sinks', 'lake', 'project'], '../x', 'sinks.lake.project: a project id has'],
    [
      ['snapshot', 'schedules', '@cascades'],
      { cron: 'now' },
      'snapshot.sweepCascades.cron: a cron',
    ],
    [['v'], 2, 'v: must be 1'],
    [['pipeline'], 'a/b', 'pipeline: a pipeline name is'],
    [['stream'], undefined, undefined],
  ])('names %j when it says %j', (path, value, problem) => {
    const problems = problemsOf(changed(path, value));
    if (problem === undefined) expect(problems).toEqual([]);
    else expect(problems.join('\n')).toContain(problem);
    expect(problems.join('\n')).not.toContain('hunter2');
  });

  it.each([[undefined], [null], [7], ['shop'], [[]], [{}], [{ v: 1, sinks: [], source: 7 }]])(
    'is refused when it is %j',
    (spec) => {
      expect(problemsOf(spec)).not.toEqual([]);
    },
  );
});
