import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePipeline, readPipelineFile, readPlacedFile } from '../../src/config/pipeline-file.ts';
import { readStoredSpec } from '../../src/config/stored-spec.ts';
import { SluiceError } from '../../src/errors/error.ts';

const SHOP = `pipeline: shop
source:
  kind: mysql
  host: 127.0.0.1
  port: 3306
  user: cdc
  password: { env: SHOP_MYSQL_PASSWORD }
  include: ["shop.*"]
kafka:
  brokers: ["127.0.0.1:9092"]
  prefix: shop
  partitions: 3
sinks:
  warehouse: { kind: duckdb, file: .sluice/shop.duckdb }
snapshot: { mode: initial }
`;

const WAREHOUSE = 'warehouse: { kind: duckdb, file: .sluice/shop.duckdb }';

const CONTEXT = { file: 'shop.yaml', folder: '/srv/pipelines', host: 'etl-1' };

const parse = (text: string) => parsePipeline(text, CONTEXT);

function refusal(text: string): SluiceError {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof SluiceError) return error;
    throw error;
  }
  throw new Error('the file was accepted');
}

const problems = (text: string): readonly string[] =>
  refusal(text).facts['problems'] as readonly string[];

/** The example with one line replaced; the line must exist. */
function withLine(line: string, replacement: string): string {
  if (!SHOP.includes(line)) throw new Error(`no such line: ${line}`);
  return SHOP.replace(line, replacement);
}

describe('a pipeline file', () => {
  it('becomes a complete specification, defaults filled in', () => {
    expect(parse(SHOP)).toEqual({
      v: 1,
      pipeline: 'shop',
      source: {
        kind: 'mysql',
        host: '127.0.0.1',
        port: 3306,
        user: 'cdc',
        password: { env: 'SHOP_MYSQL_PASSWORD' },
        include: ['shop.*'],
        exclude: [],
        ghostTables: 'skip',
        serverId: 1_401_786_369,
      },
      kafka: {
        brokers: ['127.0.0.1:9092'],
        prefix: 'shop',
        partitions: 3,
        replication: -1,
        compression: 'zstd',
      },
      sinks: {
        warehouse: {
          kind: 'duckdb',
          file: '/srv/pipelines/.sluice/shop.duckdb',
          host: 'etl-1',
          commitIntervalMs: 1000,
          maxBatchBytes: 8_388_608,
          memoryLimitMb: 1_024,
        },
      },
      snapshot: { mode: 'initial', chunkRows: 10_000, schedules: {} },
      stream: {
        maxBatchBytes: 8_388_608,
        maxBatchRows: 50_000,
        idleMs: 5,
        heartbeatTimeoutMs: 20_000,
      },
      failures: { incidentAfterMs: 300_000, incidentAfterCount: 10 },
    });
  });

  it('keeps the settings of tables in their order, because the last one that matches counts', () => {
    const spec = parse(
      withLine(
        '  user: cdc',
        `  user: cdc
  ghostTables: follow
  tables:
    "shop.*": { onFailure: stop-pipeline }
    shop.__proto__: {}
    "\`a.b\`.c": { onFailure: stop-pipeline }`,
      ),
    );
    expect(spec.source).toMatchObject({
      ghostTables: 'follow',
      tables: [
        { pattern: 'shop.*', onFailure: 'stop-pipeline' },
        { pattern: 'shop.__proto__', onFailure: 'stop-table' },
        { pattern: '`a.b`.c', onFailure: 'stop-pipeline' },
      ],
    });
  });

  it('passes the rows of tables on as it says, and as they are where it says nothing', () => {
    const spec = parse(
      withLine(
        '  user: cdc',
        `  user: cdc
  tables:
    shop.a: {}
    shop.b: { invalidText: replace, beforeImage: key }
    shop.c: { invalidText: bytes }`,
      ),
    );
    const tables = spec.source.tables?.map(({ pattern, invalidText, beforeImage }) => [
      pattern,
      invalidText,
      beforeImage,
    ]);
    expect(tables).toEqual([
      ['shop.a', 'stop', 'full'],
      ['shop.b', 'replace', 'key'],
      ['shop.c', 'bytes', 'full'],
    ]);
  });

  it('sweeps the child tables of cascading keys by a schedule that no file can name', () => {
    const text = withLine(
      '{ mode: initial }',
      '{ schedules: { nightly: { cron: "@daily", tables: ["shop.*"] } }, sweepCascades: { cron: "0 4 * * *" } }',
    );
    expect(parse(text).snapshot.schedules).toEqual({
      nightly: { cron: '@daily', tables: ['shop.*'] },
      '@cascades': { cron: '0 4 * * *', tables: ['@cascades'] },
    });
    expect(problems(text.replace('0 4 * * *', '0 25 * * *'))[0]).toContain(
      'snapshot.sweepCascades.cron: the hour field',
    );
    expect(problems(text.replace('nightly:', '"@cascades":'))[0]).toContain('a schedule name');
  });

  it('survives JSON unchanged, as Temporal will carry it', () => {
    const spec = parse(SHOP);
    expect(JSON.parse(JSON.stringify(spec))).toEqual(spec);
  });

  it('takes its prefix from the pipeline and its partitions from the default when it names neither', () => {
    const spec = parse(withLine('  prefix: shop\n  partitions: 3\n', ''));
    expect(spec.kafka).toMatchObject({ prefix: 'shop', partitions: 3 });
  });

  it('resolves relative paths of secrets, authorities and warehouses against its own folder', () => {
    const spec = parse(
      withLine(
        '  password: { env: SHOP_MYSQL_PASSWORD }',
        '  password: { file: secrets/mysql }\n  tls: { ca: ca.pem }',
      ),
    );
    expect(spec.source.password).toEqual({ file: '/srv/pipelines/secrets/mysql' });
    expect(spec.source.tls).toEqual({ ca: '/srv/pipelines/ca.pem', verify: true });
  });

  it.each([
    ['true', { verify: true }],
    ['false', undefined],
    ['{ verify: false }', { verify: false }],
  ])('reads tls: %s', (written, meant) => {
    expect(parse(withLine('  user: cdc', `  user: cdc\n  tls: ${written}`)).source.tls).toEqual(
      meant,
    );
  });

  it('resolves anchors and points into them when they are wrong', () => {
    const shared = withLine(
      '  password: { env: SHOP_MYSQL_PASSWORD }',
      '  password: &pw { env: SHOP_MYSQL_PASSWORD }',
    ).replace(
      '  prefix: shop',
      '  prefix: shop\n  sasl: { mechanism: plain, username: cdc, password: *pw }',
    );
    expect(parse(shared).kafka.sasl?.password).toEqual({ env: 'SHOP_MYSQL_PASSWORD' });
    expect(problems(shared.replace('*pw', '*nothing'))).toEqual([
      'shop.yaml:12:54: no anchor of this name stands before this alias',
    ]);
  });

  it('gives two pipelines different server ids in the reserved range, and one pipeline always the same', () => {
    const id = (name: string) =>
      parse(SHOP.replace('pipeline: shop', `pipeline: ${name}`)).source.serverId;
    expect(id('shop')).toBe(id('shop'));
    expect(id('shop')).not.toBe(id('shop2'));
    expect(id('shop2') >>> 24).toBe(0x53);
  });
});

describe('problems in a pipeline file', () => {
  it('are reported all at once, in the order of lines, each with its key and a hint', () => {
    const broken = `pipeline: "shop pipeline"
source:
  kind: mysq
  hosst: 127.0.0.1
  port: "3306"
  user: cdc
  password: hunter2
  include: shop.*
kafka:
  brokers: [localhost]
  prefix: "shop café"
  partition: 3
  replication: 0
  tls: { verfy: true }
sinks:
  warehouse: { kind: duckdb }
  other: { kind: snowflake, file: a.duckdb }
snapshot: { mode: initial, chunkRows: 0 }
streams: {}
`;
    expect(problems(broken)).toEqual([
      'shop.yaml:1:11: pipeline: a pipeline name is 1 to 64 letters, digits, dots, dashes or underscores, and starts with a letter or digit',
      'shop.yaml:2:1: source.host: is required',
      'shop.yaml:3:9: source.kind: must be mysql or mariadb (did you mean mysql?)',
      'shop.yaml:4:3: source.hosst: is not a known key (did you mean host?)',
      'shop.yaml:5:9: source.port: expected a number, found text (a bare number, without quotes or unit)',
      'shop.yaml:7:13: source.password: secrets only by reference: write { env: NAME_OF_A_VARIABLE } or { file: PATH }, never the secret itself',
      'shop.yaml:8:12: source.include: expected a list, found text (put it in brackets: [ … ])',
      'shop.yaml:10:13: kafka.brokers.0: a broker is host:port, for example 127.0.0.1:9092',
      'shop.yaml:11:11: kafka.prefix: a topic name may not hold " " "é": use letters, digits, dot, dash and underscore',
      'shop.yaml:12:3: kafka.partition: is not a known key (did you mean partitions?)',
      'shop.yaml:13:16: kafka.replication: must be at least 1, or -1 for the broker’s default',
      'shop.yaml:14:10: kafka.tls.verfy: is not a known key (did you mean verify?)',
      'shop.yaml:16:3: sinks.warehouse.file: is required',
      'shop.yaml:17:18: sinks.other.kind: must be duckdb or bigquery',
      'shop.yaml:18:39: snapshot.chunkRows: must be at least 1',
      'shop.yaml:19:1: streams: is not a known key (did you mean stream?)',
    ]);
  });

  it.each([
    'hunter2',
    '"hunter2"',
    '12345678',
    '{ plain: hunter2 }',
    '[hunter2]',
    '{ env: "hunter2 " }',
  ])('never repeat a password written as %s', (written) => {
    const error = refusal(withLine('{ env: SHOP_MYSQL_PASSWORD }', written));
    expect(error.code).toBe('config.invalid');
    expect(JSON.stringify([error.message, error.facts])).not.toMatch(/hunter2|12345678/);
    expect(error.message).toContain('secrets only by reference');
  });

  it.each([
    '*hunter2',
    '!hunter2',
    '!hunter2 x',
    '"a" hunter2',
    '|hunter2',
    '"\\hunter2"',
    '%hunter2',
    '@hunter2',
    '{ hunter2',
    '"hunter2',
    '&hunter2',
    '? hunter2',
  ])('never repeat a password that is broken YAML: %s', (written) => {
    const error = refusal(withLine('{ env: SHOP_MYSQL_PASSWORD }', written));
    expect(JSON.stringify([error.message, error.facts])).not.toContain('hunter2');
  });

  it('name a key that stands twice, and the other problems beside it', () => {
    expect(problems(withLine('  user: cdc', '  user: cdc\n  user: root\n  usr: x'))).toEqual([
      'shop.yaml:7:3: this key stands here twice',
      'shop.yaml:8:3: source.usr: is not a known key (did you mean user?)',
    ]);
  });

  it.each([
    ['an open quote', 'pipeline: "shop\nsource: {}\n'],
    ['a tab as indentation', 'pipeline: shop\nsource:\n\tkind: mysql\n'],
    ['two documents', `${SHOP}---\n${SHOP}`],
    ['an unknown tag', withLine('  user: cdc', '  user: !secret cdc')],
  ])('include %s, with its line and without a guess about the rest', (_, text) => {
    const found = problems(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^shop\.yaml:\d+:\d+: /);
  });

  it.each([
    ['nothing', ''],
    ['a list', '- pipeline: shop\n'],
    ['a word', 'shop\n'],
  ])('include a file that holds %s', (_, text) => {
    expect(problems(text)[0]).toMatch(/^shop\.yaml:1:1: (expected a mapping of keys|is required)/);
  });

  it.each([
    ['shop', 'write database.table'],
    ['shop.%', 'write *'],
    ['shop\\\\.orders', 'regular expression'],
    ["'shop'.orders", 'leave the quotes out'],
    ['`shop.orders', 'backticks enclose one side'],
    ['``.orders', 'a side of the dot is empty'],
    ['`mysql`.user', 'belong to the server'],
    [
      'case02.x.*',
      'write "`case02.x`.*" where the database has the dot in its name, "`case02`.x.*" where the tables have it',
    ],
    ['.orders', 'a side of the dot is empty'],
    ['mysql.user', 'belong to the server'],
    ['shop.orders ', 'has a space'],
  ])('include the pattern %s', (pattern, problem) => {
    const found = problems(withLine('"shop.*"', `"${pattern}"`));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain('source.include.0: ');
    expect(found[0]).toContain(problem);
  });

  it.each(['`example.com`.*', 'shop.`a%|b`', 'shop.orders.old', '*.*', '*.orders'])(
    'do not include the pattern %s',
    (pattern) => {
      expect(parse(withLine('"shop.*"', `"${pattern}"`)).source.include).toEqual([pattern]);
    },
  );

  it('include a bad pattern or setting of single tables, each with its line', () => {
    const found = problems(
      withLine(
        '  user: cdc',
        '  user: cdc\n  tables:\n    case02.x.*: {}\n    shop.orders: { onFailure: stop }',
      ),
    );
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/^shop\.yaml:\d+:5: source\.tables\.case02\.x\.\*: .*two things/);
    expect(found[1]).toMatch(/onFailure: must be stop-table or stop-pipeline/);
  });

  it.each([
    ['shop.a: { invalidText: drop }', /invalidText: must be stop or replace or bytes/],
    ['shop.a: { beforeImage: none }', /beforeImage: must be full or key/],
    ['crm.a: { invalidText: bytes }', /table crm\.a is not captured: source\.include does not/],
    [
      'shop.a: { beforeImage: key }\n    shop.*: {}\n    "*.a": { onFailure: stop-pipeline }',
      /shop\.a: never counts: \*\.a, farther down, has the table too; write shop\.a behind it/,
    ],
  ])('include settings of rows that cannot count: %s', (tables, problem) => {
    const found = problems(withLine('  user: cdc', `  user: cdc\n  tables:\n    ${tables}`));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(problem);
  });

  it.each([
    ['shop/1', '"/"'],
    ['.shop', 'neither starts nor ends'],
    ['a.__sluice', 'internal topics'],
    ['p'.repeat(101), 'at most 100'],
  ])('include the prefix %s', (prefix, problem) => {
    expect(problems(withLine('  prefix: shop', `  prefix: "${prefix}"`))[0]).toContain(problem);
  });

  it.each([
    'kafka:0',
    'kafka:99999',
    'kafka://kafka:9092',
    'kafka',
    'user:pw@kafka:9092',
    '::1:9092',
  ])('include the broker %s without repeating it', (broker) => {
    const found = problems(withLine('127.0.0.1:9092', broker));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain('a broker is host:port');
    expect(found[0]).not.toContain('pw@');
  });

  it('include what contradicts another key', () => {
    const text = withLine(
      '["shop.*"]',
      '["shop.*", "crm.people", "shop.*"]\n  exclude: ["crm.people"]',
    )
      .replace('sinks:', 'sinks:\n  second: { kind: duckdb, file: .sluice/shop.duckdb }')
      .replace(
        '{ mode: initial }',
        '{ schedules: { weekly: { cron: "0 3 * * 0", tables: [hr.pay, shop.orders] }, bad: { cron: "0 25 * * *", tables: ["shop.*"] } } }',
      );
    expect(problems(text).map((problem) => problem.replace(/^shop.yaml:\d+:\d+: /, ''))).toEqual([
      'source.include.1: captures nothing: source.exclude names crm.people too',
      'source.include.2: is in the list twice',
      'sinks.warehouse.file: sink second owns this file already',
      'snapshot.schedules.weekly.tables.0: table hr.pay is not captured: source.include does not name it',
      'snapshot.schedules.bad.cron: the hour field of a cron text is a number from 0 to 23, *, a range, a list or a step',
    ]);
  });
});

describe('a BigQuery sink', () => {
  it('needs a project and a location, and the rest is filled in', () => {
    const spec = parse(
      withLine(
        WAREHOUSE,
        'bq: { kind: bigquery, project: acme-data, location: EU, keyFile: bq.json }',
      ),
    );
    expect(spec.sinks['bq']).toEqual({
      kind: 'bigquery',
      project: 'acme-data',
      location: 'EU',
      keyFile: '/srv/pipelines/bq.json',
      internalDataset: 'sluice_shop',
      dataset: '{database}',
      table: '{table}',
      labels: {},
      writePath: 'load-jobs',
      loadIntervalMs: 90_000,
      maxBatchBytes: 67_108_864,
      compactionIntervalMs: 21_600_000,
      compactionPriority: 'interactive',
      onRefusedRow: 'stop',
    });
  });

  it.each([
    ['writePath: storage-write', 10_000],
    ['writePath: storage-write, loadIntervalMs: 3000', 3_000],
    ['writePath: load-jobs', 90_000],
  ])('commits as often as %s says: every %i ms', (line, intervalMs) => {
    const sink = `bq: { kind: bigquery, project: acme-data, location: EU, ${line} }`;
    expect(parse(withLine(WAREHOUSE, sink)).sinks['bq']).toMatchObject({
      loadIntervalMs: intervalMs,
    });
  });

  it('says where the streams of a BigQuery are that is not Google’s', () => {
    const sink =
      'bq: { kind: bigquery, project: p, location: EU, endpoint: "http://b:9050", writePath: storage-write }';
    expect(problems(withLine(WAREHOUSE, sink))).toEqual([
      'shop.yaml:14:89: sinks.bq.writePath: needs storageEndpoint beside endpoint: host:port of the streams',
    ]);
  });

  it('names no other place for streams that carry Google’s credentials', () => {
    const sink = 'bq: { kind: bigquery, project: p, location: EU, storageEndpoint: "thief:1" }';
    expect(problems(withLine(WAREHOUSE, sink))).toEqual([
      'shop.yaml:14:68: sinks.bq.storageEndpoint: needs endpoint beside it',
    ]);
  });

  it.each(['file:///etc/passwd', 'ftp://b:21'])('asks no BigQuery at %s', (endpoint) => {
    const sink = `bq: { kind: bigquery, project: p, location: EU, endpoint: "${endpoint}" }`;
    expect(problems(withLine(WAREHOUSE, sink)).join()).toContain('an address as http://host:port');
  });

  it('has an internal dataset of its own', () => {
    const two = `one: { kind: bigquery, project: acme-data, location: EU }
  two: { kind: bigquery, project: acme-data, location: EU }`;
    expect(problems(withLine(WAREHOUSE, two))).toEqual([
      'shop.yaml:15:8: sinks.two: sink one owns this internal dataset already: give this one another',
    ]);
  });

  it('is told by its key what is wrong', () => {
    const wrong =
      'bq: { kind: bigquery, project: Acme, location: EU, dataset: "{db}", loadIntervalMs: 5 }';
    expect(problems(withLine(WAREHOUSE, wrong))).toEqual([
      'shop.yaml:14:34: sinks.bq.project: a project id has lower-case letters, digits and dashes',
      'shop.yaml:14:63: sinks.bq.dataset: a dataset name has letters, digits, underscores, {database} and {table}',
      'shop.yaml:14:87: sinks.bq.loadIntervalMs: must be at least 1000',
    ]);
  });
});

describe('a password for brokers', () => {
  const sasl = (mechanism: string, more = ''): string =>
    `  prefix: shop\n  sasl: { mechanism: ${mechanism}, username: cdc, password: { env: P }${more} }`;
  const at = (broker: string, settings: string): string =>
    withLine('  prefix: shop', settings).replace('127.0.0.1:9092', broker);

  it.each([['k1:9092'], ['10.0.0.1:9092'], ['127.0.0.1.example:9092'], ['127.0.0.1:9092", "k:1']])(
    'is not sent to %s for everybody to read',
    (broker) => {
      expect(problems(at(broker, sasl('plain'))).join()).toContain(
        'kafka.sasl.mechanism: sends the password for everybody on the way to read: set kafka.tls',
      );
      expect(problems(at(broker, `${sasl('plain')}\n  tls: false`))).toHaveLength(1);
    },
  );

  it.each([
    ['the file allows it', 'k1:9092', sasl('plain', ', allowPlaintext: true')],
    ['it is encrypted', 'k1:9092', `${sasl('plain')}\n  tls: true`],
    ['it is only proven', 'k1:9092', sasl('scram-sha-256')],
    ['the broker is on this machine', 'localhost:9092', sasl('plain')],
    ['the broker is on this machine', '[::1]:9092', sasl('plain')],
    ['the broker is on this machine', '127.0.0.1:9092', sasl('plain')],
  ])('is taken when %s: %s', (_, broker, settings) => {
    const spec = parse(at(broker, settings));
    expect(spec.kafka.sasl).not.toHaveProperty('allowPlaintext');
    expect(readStoredSpec(JSON.parse(JSON.stringify(spec)))).toStrictEqual(spec);
  });
});

describe('reading from disk', () => {
  it('starts relative paths at the folder of the file, wherever the command runs', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-config-'));
    try {
      await writeFile(join(folder, 'shop.yaml'), SHOP);
      const spec = await readPipelineFile(join(folder, 'shop.yaml'));
      expect(spec.sinks['warehouse']).toMatchObject({
        file: join(folder, '.sluice/shop.duckdb'),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('tells the sinks whose host the file leaves open from those that it names one for', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-config-'));
    try {
      const named = 'there: { kind: duckdb, file: other.duckdb, host: etl-7 }';
      await writeFile(join(folder, 'shop.yaml'), withLine(WAREHOUSE, `${WAREHOUSE}\n  ${named}`));
      const { spec, unplaced } = await readPlacedFile(join(folder, 'shop.yaml'));
      expect(unplaced).toEqual(['warehouse']);
      expect(spec.sinks).toMatchObject({
        warehouse: { host: hostname() },
        there: { host: 'etl-7' },
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says which file it could not read', async () => {
    await expect(readPipelineFile('/no/such/file.yaml')).rejects.toMatchObject({
      code: 'config.unreadable',
      facts: { file: '/no/such/file.yaml' },
    });
  });
});
