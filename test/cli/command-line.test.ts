import { mkdtempSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERBS } from '../../src/cli/commands/index.ts';
import { cli } from './spawn-cli.ts';

const GOOD = `pipeline: shop
source: { kind: mysql, host: db, user: cdc, password: { env: PW }, include: ["shop.*"] }
kafka: { brokers: ["127.0.0.1:9092"] }
sinks: { warehouse: { kind: duckdb, file: shop.duckdb } }
`;

let folder = '';
let good = '';
let bad = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-cli-'));
  good = join(folder, 'shop.yaml');
  bad = join(folder, 'bad.yaml');
  await writeFile(good, GOOD);
  await writeFile(bad, GOOD.replace('{ env: PW }', 'hunter2').replace('kafka:', 'kafak:'));
});

afterAll(() => rm(folder, { recursive: true }));

const document = (text: string): unknown => JSON.parse(text);

describe('exit codes', () => {
  it('0 when the verb has done its work', async () => {
    const { exitCode, stdout } = await cli(['pause', 'shop', '--reason', 'maintenance']);
    expect([exitCode, stdout]).toEqual([
      0,
      'Pipeline shop is paused; sinks go on until they have everything.\n',
    ]);
  });

  it.each([
    ['pause', []],
    ['resume', []],
    ['snapshot', ['--tables', 'shop.orders']],
    ['recover', ['--incident', 'gap-1', '--action', 'retry']],
    ['pause', ['--sink', 'warehouse']],
    ['resume', ['--sink', 'warehouse']],
    ['resnapshot', ['--sink', 'warehouse', '--yes']],
    ['drop', ['--yes']],
  ])('0 for a %s that no worker has taken yet, and says so', async (verb, options) => {
    const { exitCode, stdout } = await cli([verb, 'unserved', ...options]);
    expect([exitCode, stdout]).toEqual([0, 'No worker answers.\n']);
    const { stdout: json } = await cli(['--json', verb, 'unserved', ...options]);
    expect(document(json)).toMatchObject({ result: { pipeline: 'unserved', taken: false } });
  });

  it('1 when a check finds something fatal, with the statement or command that cures it', async () => {
    const { exitCode, stdout } = await cli(['check', good]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('fatal    gtid_mode: is OFF\n         SET PERSIST gtid_mode = ON;');
    const command = '\n         gcloud projects add-iam-policy-binding acme\n';
    expect(stdout).toContain(`warning  sinks.lake.jobs: are refused${command}`);
  });

  it.each([['status'], ['status', 'shop']])(
    '1 for %s %s while an incident is open, which is shown all the same',
    async (...words) => {
      const { exitCode, stdout } = await cli([...words, '--json']);
      expect(exitCode).toBe(1);
      expect(document(stdout)).toMatchObject({ command: 'status', ok: false });
      expect(stdout).toContain('gap-1');
    },
  );

  it.each([
    ['waits-5', 0],
    ['waits-90', 1],
  ])(
    '%s: %i for a pipeline that has been waiting so many seconds for a worker',
    async (name, code) => {
      const { exitCode, stdout } = await cli(['status', name]);
      expect(exitCode).toBe(code);
      expect(stdout).toContain('STREAMING (waits for a worker since ');
      const { stdout: json } = await cli(['--json', 'status', name]);
      expect(document(json)).toMatchObject({
        ok: code === 0,
        result: { waitingSinceMs: expect.any(Number) as number },
      });
    },
  );

  it('1 for a wait that an incident makes vain, at once and with its id', async () => {
    const { exitCode, stderr } = await cli(['status', 'shop', '--wait-for', 'streaming']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('is not streaming: incident gap-1 is open: binlog.purged');
  });

  it('1 for a wait whose time is up', async () => {
    const { exitCode, stderr } = await cli([
      ...['status', 'calm', '--wait-for', 'caught-up'],
      ...['--timeout', '0'],
    ]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Pipeline calm is not caught-up: time is up. It is STREAMING.');
  });

  it.each([
    ['no verb', []],
    ['an unknown verb', ['stauts']],
    ['an unknown option', ['status', '--colour']],
    ['a missing argument', ['apply']],
    ['a missing option', ['snapshot', 'shop']],
    ['a sink that is not named', ['resnapshot', 'shop']],
    ['a wait for nothing in particular', ['status', '--wait-for', 'streaming']],
    ['a state that nobody can wait for', ['status', 'shop', '--wait-for', 'happiness']],
    ['tables of nobody in particular', ['status', '--tables']],
    ['watching tables', ['status', 'shop', '--tables', '--watch']],
    ['watching in one document', ['status', 'shop', '--watch', '--json']],
    ['a table without its database', ['snapshot', 'shop', '--tables', 'orders']],
    ['a pattern that can mean two things', ['snapshot', 'shop', '--tables', 'case02.x.*']],
    [
      'a selector where tables are given up',
      ['recover', 'shop', '--incident', 'x', '--action', 'resnapshot', '--tables', '@cascades'],
    ],
    [
      'an action that does not exist',
      ['recover', 'shop', '--incident', 'x', '--action', 'reconcile'],
    ],
    ['a number that is none', ['worker', '--metrics-port', 'http']],
    ['a host without a name', ['worker', '--host', '']],
    ['a drain by force that is none', ['worker', '--force']],
    ['no stream at all', ['worker', '--streams', '0']],
    ['a number of sinks that is none', ['worker', '--sinks', 'many']],
    ['a variable that is none', ['worker', '--secret-env', 'SHOP-*']],
    ['a folder that is none', ['worker', '--secret-dir', '/no/such/folder']],
    ['an unknown error code', ['explain', 'binlog.nothing']],
    ['a file that is not there', ['apply', '/no/such/file.yaml']],
    ['two ways to name a cluster', ['tail', 't', '--brokers', 'a:1', '--config', 'x']],
    ['two formats', ['query', 'select 1', '--file', 'x', '--json', '--output', 'csv']],
    ['no format', ['query', 'select 1', '--file', 'x', '--output', 'xml']],
    ['a query without time', ['query', 'select 1', '--file', 'x', '--timeout', '0']],
    ['an endless document', ['tail', 't', '--brokers', 'a:1', '--json']],
  ])('2 for %s, before any server is asked', async (_, words) => {
    const { exitCode, stdout, stderr, reached } = await cli(words);
    expect({ exitCode, reached }).toEqual({ exitCode: 2, reached: [] });
    expect(words.includes('--json') ? stdout : stderr).not.toBe('');
  });

  it('3 when the Temporal server does not answer', async () => {
    const { exitCode, stderr } = await cli(['status', '--address', 'nowhere:1']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain('No Temporal server answers at nowhere:1.');
  });
});

describe('a wrong pipeline file', () => {
  it('is reported with every problem, and without the secret somebody wrote into it', async () => {
    const { exitCode, stdout, stderr } = await cli(['apply', bad]);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`${bad}:2:55: source.password: secrets only by reference`);
    expect(stderr).toContain(`${bad}:3:1: kafak: is not a known key (did you mean kafka?)`);
    expect(stderr).not.toContain('hunter2');
  });

  it('is one JSON document when a program asks', async () => {
    const { stdout, stderr } = await cli(['apply', bad, '--json']);
    expect(stderr).toBe('');
    expect(document(stdout)).toMatchObject({
      command: 'apply',
      ok: false,
      error: {
        code: 'config.invalid',
        facts: { problems: expect.arrayContaining([expect.stringContaining('kafak')]) as string[] },
      },
    });
  });
});

describe('--json', () => {
  it.each([
    [['apply', 'FILE'], { pipeline: 'shop', workflowId: 'cdc/shop', created: true }],
    [
      ['snapshot', 'shop', '--tables', 'shop.a, shop.b'],
      { pipeline: 'shop', snapshotId: 's-1', tables: ['shop.a', 'shop.b'] },
    ],
    [['snapshot', 'shop', '--tables', '`a,b`.c,@cascades'], { tables: ['`a,b`.c', '@cascades'] }],
    [['incidents', 'shop'], { incidents: [{ id: 'gap-1', code: 'binlog.purged' }] }],
    [['status', 'calm'], { pipeline: 'calm', state: 'STREAMING' }],
    [
      ['tail', 't', '--brokers', 'a:1', '--limit', '2'],
      { topic: 't', records: [{ offset: 0 }, { offset: 1, value: null }] },
    ],
    [
      ['query', 'select 1', '--config', 'FILE', '--limit', '2'],
      {
        columns: ['id', 'name\u009b'],
        rows: [
          [1, 'ana\u001b[2J\n'],
          ['22', null],
        ],
        truncated: true,
      },
    ],
    [['explain', 'binlog.purged'], { code: 'binlog.purged', outcome: 'gap' }],
  ])('prints exactly one document for %j', async (words, result) => {
    const { stdout, exitCode } = await cli([
      ...words.map((word) => (word === 'FILE' ? good : word)),
      '--json',
    ]);
    expect(document(stdout)).toMatchObject({ command: words[0], ok: true, result });
    expect(exitCode).toBe(0);
  });

  it('is understood before the verb too', async () => {
    const { stdout } = await cli(['--json', 'status', 'calm']);
    expect(document(stdout)).toMatchObject({ command: 'status', ok: true });
  });
});

describe('destructive verbs', () => {
  it('change nothing without a terminal to confirm on, and show the plan all the same', async () => {
    const { exitCode, stderr, reached } = await cli(['drop', 'shop']);
    expect({ exitCode, reached }).toEqual({ exitCode: 2, reached: [] });
    expect(stderr).toContain('- Warehouse tables stay.');
  });

  it('go ahead with --yes and keep stdout for the result', async () => {
    const { stdout, reached } = await cli(['drop', 'shop', '--yes']);
    expect(stdout).toContain('Pipeline shop is being dropped');
    expect(reached.slice(1)).toEqual([['drop', 'shop', false], ['closed']]);
  });

  it('name the topics that go, or why they cannot be named, before anything is asked', async () => {
    const env = { FAKE_CONFIG: good };
    const { stderr, reached } = await cli(['drop', 'shop', '--delete-topics'], { env });
    expect(stderr).toContain('- These are 1 topics:\n-   shop.shop.orders\n');
    expect(reached.flat()).not.toContain('drop');
    const unknown = await cli(['drop', 'shop', '--delete-topics'], { env: { FAKE_CONFIG: bad } });
    expect(unknown.stderr).toContain('- Which topics these are cannot be told from here: ');
  });

  it('ask for a resnapshot, which gives up a position, but not for a retry, which does not', async () => {
    const answer = ['recover', 'shop', '--incident', 'gap-1', '--action'];
    expect((await cli([...answer, 'resnapshot'])).exitCode).toBe(2);
    expect((await cli([...answer, 'retry'])).reached.slice(1)).toEqual([
      ['recover', 'shop', { incidentId: 'gap-1', action: 'retry' }],
      ['closed'],
    ]);
  });
});

describe('query', () => {
  const ask = (sql: string, ...options: string[]) =>
    cli(['query', sql, '--file', 'shop.duckdb', ...options]);

  it('shows a table in which a NULL is no empty text, and nothing means something to a terminal', async () => {
    const { stdout, exitCode } = await ask('select 1');
    const lines = [
      'id    name\\u009b',
      '1     ana\\u001b[2J\\n',
      '22    NULL',
      '-3',
      String.raw`NULL  ["a,\"b\"", {wkb: \x01ff, none: NULL}]`,
      '(4 rows)\n',
    ];
    expect([exitCode, stdout]).toEqual([0, lines.join('\n')]);
  });

  it('writes csv with a NULL that is nothing and an empty text that is two quotes', async () => {
    const { stdout } = await ask('select 1', '--output', 'csv');
    const lines = [
      'id,name\u009b',
      '1,"ana\u001b[2J\n"',
      '22,',
      '-3,""',
      String.raw`,"[""a,\""b\"""",{""wkb"":""\\x01ff"",""none"":null}]"`,
      '',
    ];
    expect(stdout).toBe(lines.join('\r\n'));
  });

  it('writes jsonl, an object a line, and says beside it when there are more', async () => {
    const { stdout, stderr } = await ask('select 1', '--output', 'jsonl', '--limit', '2');
    const lines = stdout.trimEnd().split('\n').map(document);
    expect(lines).toEqual([
      { id: 1, 'name\u009b': 'ana\u001b[2J\n' },
      { id: '22', 'name\u009b': null },
    ]);
    expect(stderr).toBe('the first 2 rows; --limit shows more\n');
  });

  it('refuses a line of jsonl that would lose a value', async () => {
    const { stdout, stderr, exitCode } = await ask('twice', '--output', 'jsonl');
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Two columns are called id');
  });

  it.each(['json', 'jsonl', 'csv', 'table'])(
    'ends with 1 and a reason without escapes when it fails half way in %s',
    async (output) => {
      const { stdout, stderr, exitCode } = await ask('fails', '--output', output);
      expect(exitCode).toBe(1);
      const where = output === 'json' ? stdout : stderr;
      expect(where).toContain('The query was not answered: \\u001b[2J');
      expect(where).not.toContain('\u001b');
    },
  );
});

/** A pipeline file with these sinks. */
function pipelineWith(sinks: string): string {
  const file = join(mkdtempSync(join(folder, 'p-')), 'shop.yaml');
  const source = '{ kind: mysql, host: h, user: u, password: { env: P }, include: ["shop.*"] }';
  const lines = [`source: ${source}`, 'kafka: { brokers: ["k:1"] }', `sinks: ${sinks}`];
  writeFileSync(file, ['pipeline: shop', ...lines].join('\n'));
  return file;
}

describe('cost', () => {
  const pipeline = (sink: string): string => pipelineWith(`{ bq: ${sink} }`);

  it('says what was loaded and billed, a month at this pace, and what would lower it', async () => {
    const env = { FAKE_CONFIG: pipeline('{ kind: bigquery, project: acme-data, location: EU }') };
    const { exitCode, stdout } = await cli(['cost', 'shop'], { env });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^all tables +1,920 +3,000 +2\.00 MiB +8 +6\.00 GiB$/m);
    expect(stdout).toMatch(/^shop\.orders .* 1\.00 GiB +512 MiB +- +-$/m);
    expect(stdout).toContain('about 1.00 GiB by the looks before them');
    expect(stdout).toContain('9.38 USD');
    expect(stdout).toContain('changelog of 1 tables take 3.00 GiB, 0.06 USD a month');
    expect(stdout).toContain('compactionIntervalMs: 43200000   fewer; about 3.13 USD less a month');
    const json = await cli(['cost', 'shop', '--json'], { env });
    expect(JSON.parse(json.stdout)).toMatchObject({
      result: {
        pipeline: 'shop',
        sinks: [{ sink: 'bq', days: [{ table: 'shop.orders' }, { table: 'shop.lines' }] }],
      },
    });
  });

  it('has nothing to say of a pipeline without BigQuery', async () => {
    const env = { FAKE_CONFIG: pipeline('{ kind: duckdb, file: shop.duckdb }') };
    const { exitCode, stderr } = await cli(['cost', 'shop'], { env });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Pipeline shop has no sink in BigQuery');
  });
});

describe('sluice status --tables', () => {
  it('has a line for each table, and says which sink could not be asked', async () => {
    const lake = '{ kind: bigquery, project: acme-data, location: EU }';
    const sinks = `{ warehouse: { kind: duckdb, file: shop.duckdb }, lake: ${lake} }`;
    const env = { FAKE_CONFIG: pipelineWith(sinks) };
    const { exitCode, stdout } = await cli(['status', 'shop', '--tables'], { env });
    expect(exitCode).toBe(1);
    expect(stdout.trimEnd().split('\n')).toEqual([
      'TABLE        CAPTURE                                        WAREHOUSE',
      'shop.orders  followed, copied 25 % of about 1,000,000 rows  snapshotting since 2026-11-23 05:00:00+00',
      'shop.notes   stopped (table.no-key)                         -',
      'shop.old     -                                              consistent',
      '',
      'Sink lake could not be asked: Nobody is there.',
    ]);
  });
});

describe('Temporal', () => {
  it('is found by option, else by environment, else at the default', async () => {
    const env = { TEMPORAL_ADDRESS: 'temporal:7233', TEMPORAL_NAMESPACE: 'cdc' };
    const first = async (words: string[], settings = {}) => (await cli(words, settings)).reached[0];
    expect(await first(['status'])).toEqual(['connect', '127.0.0.1:7233', 'default']);
    expect(await first(['status'], { env })).toEqual(['connect', 'temporal:7233', 'cdc']);
    expect(await first(['status', '--address', 'other:1'], { env })).toEqual([
      'connect',
      'other:1',
      'cdc',
    ]);
  });

  it('is let go of when the verb has failed', async () => {
    const { reached } = await cli(['status', 'shop']);
    expect(reached.at(-1)).toEqual(['closed']);
  });
});

describe('the host of a sink', () => {
  it('is told by apply, with what has to be done where nobody serves it or it was another', async () => {
    const { stdout, reached } = await cli(['apply', good]);
    expect(reached[1]).toEqual(['apply', 'shop', ['warehouse']]);
    expect(stdout).toContain(
      'Sink warehouse is on host etl-2, and no worker serves it: start sluice worker there',
    );
    expect(stdout).toContain('It was on host etl-1, and its file is there.');
  });

  it('is the name of the worker: by option, else by environment', async () => {
    const name = async (words: string[]): Promise<unknown> => {
      const env = { SLUICE_WORKER_HOST: 'etl-1' };
      const interruptAt = /PORT \["worker"/;
      const { reached } = await cli(['worker', ...words], { env, interruptAt });
      return (reached[0]?.[1] as { readonly host: unknown }).host;
    };
    expect(await name([])).toBe('etl-1');
    expect(await name(['--host', 'etl-2'])).toBe('etl-2');
  });
});

describe('the room of a worker', () => {
  it('is what it was started with', async () => {
    const interruptAt = /PORT \["worker"/;
    const { reached } = await cli(['worker', '--streams', '2', '--sinks', '40'], { interruptAt });
    expect(reached[0]?.[1]).toMatchObject({ slots: { streams: 2, sinks: 40 } });
  });
});

describe('a drain', () => {
  it('tells what becomes of each stream and sink, and fails when the worker runs on', async () => {
    const { exitCode, stdout, stderr, reached } = await cli([
      'worker',
      '--drain',
      '--host',
      'etl-1',
    ]);
    expect(exitCode).toBe(1);
    expect(reached).toEqual([['drain', { namespace: 'default', host: 'etl-1', force: false }]]);
    expect(stderr.trim().split('\n')).toEqual([
      'shop: its last batch is being committed',
      'shop: another worker has it',
      'shop, sink warehouse: goes on here; no other worker serves cdc-sink.etl-1',
    ]);
    expect(stdout).toContain('--drain --force');
  });

  it('is done when the worker has ended', async () => {
    const words = ['worker', '--drain', '--force', '--pid', '7', '--json'];
    const { exitCode, stdout } = await cli(words);
    expect(exitCode).toBe(0);
    expect(document(stdout)).toMatchObject({
      result: {
        isEmpty: true,
        steps: [
          { pipeline: 'shop', became: 'handedOver' },
          { pipeline: 'shop', sink: 'warehouse', became: 'ended' },
        ],
      },
    });
  });

  it('of a worker that does not answer is something unreachable', async () => {
    const { exitCode, stderr } = await cli(['worker', '--drain', '--pid', '404']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain('(drain.no-worker)');
  });
});

describe('the secrets of a worker', () => {
  const secrets = async (words: string[], env = {}): Promise<unknown> => {
    const interruptAt = /PORT \["worker"/;
    const { reached } = await cli(['worker', ...words], { env, interruptAt });
    return (reached[0]?.[1] as { readonly secrets: unknown }).secrets;
  };

  it('are those of the options, else of the environment, else of the default', async () => {
    const env = { SLUICE_WORKER_SECRET_ENV: 'SHOP_*, PW', SLUICE_WORKER_SECRET_DIR: folder };
    expect(await secrets([], env)).toEqual({ variables: ['SHOP_*', 'PW'], folders: [folder] });
    const words = ['--secret-env', 'A', '--secret-env', 'B_*', '--secret-dir', '/'];
    expect(await secrets(words, env)).toEqual({ variables: ['A', 'B_*'], folders: ['/'] });
  });
});

describe('Ctrl-C', () => {
  it('lets a worker end in order', async () => {
    const { exitCode, reached } = await cli(['worker', '--metrics-port', '9464'], {
      interruptAt: /PORT \["worker"/,
    });
    expect(exitCode).toBe(0);
    expect(reached).toEqual([
      [
        'worker',
        {
          ...{ address: '127.0.0.1:7233', namespace: 'default', metricsPort: 9464 },
          host: hostname(),
          slots: { streams: 20, sinks: 20 },
          secrets: { variables: ['SLUICE_*'], folders: [] },
        },
      ],
      ['worker ended in order'],
    ]);
  });

  it('ends tail with what it has printed so far', async () => {
    const { exitCode, stdout } = await cli(['tail', 't', '--brokers', 'a:1'], {
      interruptAt: /0:1/,
    });
    expect([exitCode, stdout]).toEqual([0, '0:0  {"id":1}  {}\n0:1  {"id":1}  (tombstone)\n']);
  });

  it('stops waiting for a server that does not answer', async () => {
    const { exitCode, stderr } = await cli(['status', '--address', 'silent:1'], {
      interruptAt: /PORT \["connect"/,
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('The work was cancelled.');
  });
});

describe('help', () => {
  it('lists every verb, on stdout, with exit 0', async () => {
    const { exitCode, stdout } = await cli(['--help']);
    expect(exitCode).toBe(0);
    expect(stdout.match(/^ {2}[a-z]+ .*<|^ {2}[a-z]+ .*\[/gm)).toHaveLength(VERBS.length);
  });

  it('shows examples for a verb', async () => {
    const { stdout } = await cli(['recover', '--help']);
    expect(stdout).toContain('$ sluice recover shop --incident gap-1 --action resnapshot');
    expect(stdout).toContain('--namespace <name>');
  });
});

it('the real command line explains an error code', async () => {
  const { exitCode, stdout } = await cli(['explain', 'binlog.purged'], {
    script: 'src/cli/main.ts',
  });
  expect(exitCode).toBe(0);
  expect(stdout).toContain('What to do: Answer the incident with resnapshot');
});
