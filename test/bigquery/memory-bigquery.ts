import { gunzipSync } from 'node:zlib';
import { OTHER_WRITER } from '../../src/bigquery/bigquery-error.ts';
import type { BigQueryService, Job, JobId, JobOutcome, LoadJob } from '../../src/bigquery/job.ts';
import { LAYOUT_VERSION } from '../../src/bigquery/metadata.ts';
import { SluiceError } from '../../src/errors/error.ts';

/** What goes wrong with one request. */
export type Fault = 'none' | 'lostRequest' | 'lostAnswer' | 'jobFails' | 'slowJob';

interface TakenJob {
  readonly job: Job;
  outcome: JobOutcome;
  /** Times it still answers that it runs. */
  slow: number;
}

/**
 * BigQuery's jobs in memory: ids are unique for ever, a failed one is burnt, and an answer may be
 * lost after the work is done. Of SQL it understands the few statements that move the checkpoint and
 * the tables' entries, and those that delete all rows of a table; rows that were loaded it keeps as
 * they came.
 */
export class MemoryBigQuery implements BigQueryService {
  readonly jobs = new Map<JobId, TakenJob>();
  /** Lines of every load that was done, by table. */
  readonly lines = new Map<string, string[]>();
  readonly datasets = new Set<string>();
  checkpoint: (string | null)[] | undefined;
  /** Rows of `_cdc_tables`, by table. */
  readonly entries = new Map<string, Entry>();
  /** Whether a file holds what BigQuery does not take. */
  refuses: (job: LoadJob) => boolean = () => false;
  /** Whether a script has a statement that BigQuery does not take. */
  refusesStatement: (sql: string) => boolean = () => false;
  /** Answers how many rows of a plan a changelog holds. */
  present: (sql: string) => number = () => 0;
  readonly #faults: () => Fault;
  #hasTables = false;

  constructor(faults: () => Fault = () => 'none') {
    this.#faults = faults;
  }

  /** A warehouse as it was recorded: what is selected of the checkpoint and of each table. */
  restore(checkpoint: (string | null)[], tables: readonly (readonly (string | null)[])[]): void {
    this.#hasTables = true;
    this.checkpoint = checkpoint;
    for (const row of tables) {
      const entry: Entry = Object.fromEntries(SELECTED.map((name, at) => [name, row[at] ?? null]));
      const { name } = JSON.parse(entry['definition'] ?? '{}') as { name: string };
      this.entries.set(name, { ...entry, name });
    }
  }

  async submit(id: JobId, job: Job): Promise<'submitted' | 'duplicate'> {
    const fault = this.#faults();
    if (fault === 'lostRequest') throw lost();
    if (this.jobs.has(id)) return 'duplicate';
    const outcome: JobOutcome =
      fault === 'jobFails'
        ? { kind: 'failed', error: { reason: 'backendError', message: 'try again' } }
        : this.#run(job);
    this.jobs.set(id, { job, outcome, slow: fault === 'slowJob' ? 2 : 0 });
    if (fault === 'lostAnswer') throw lost();
    return 'submitted';
  }

  async outcome(id: JobId): Promise<JobOutcome | undefined> {
    if (this.#faults() === 'lostAnswer') throw lost();
    const taken = this.jobs.get(id);
    if (!taken) return undefined;
    if (taken.slow === 0) return taken.outcome;
    taken.slow -= 1;
    return { kind: 'running' };
  }

  wait(id: JobId): Promise<JobOutcome | undefined> {
    return this.outcome(id);
  }

  async rows(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    if (this.#faults() === 'lostAnswer') throw lost();
    if (sql.includes('FROM `acme`.`sluice_shop`.`_cdc_checkpoints`'))
      return this.checkpoint ? [this.checkpoint] : [];
    if (sql.includes('FROM `acme`.`sluice_shop`.`_cdc_tables`'))
      return [...this.entries.values()].map((entry) => SELECTED.map((name) => entry[name] ?? null));
    if (sql.includes('`_cdc_loads`')) return [];
    if (sql.startsWith('SELECT COUNT(*) AS present')) return [[String(this.present(sql))]];
    return [['1', '0', null, null]];
  }

  async dryRun(): Promise<number> {
    return 0;
  }

  async tables(): Promise<readonly string[]> {
    if (this.#faults() === 'lostAnswer') throw lost();
    return [...this.lines.keys()];
  }

  async hasTable(): Promise<boolean> {
    if (this.#faults() === 'lostAnswer') throw lost();
    return this.#hasTables;
  }

  async ensureDataset(dataset: string): Promise<void> {
    if (this.#faults() === 'lostAnswer') throw lost();
    this.datasets.add(dataset);
  }

  #run(job: Job): JobOutcome {
    if (job.kind === 'query') return this.#script(job.sql);
    if (this.refuses(job))
      return { kind: 'failed', error: { reason: 'invalid', message: 'Bad value' } };
    const lines = gunzipSync(job.file).toString().trimEnd().split('\n');
    this.lines.set(job.table, [...(this.lines.get(job.table) ?? []), ...lines]);
    return { kind: 'done', rows: lines.length, bytesBilled: 0 };
  }

  #script(sql: string): JobOutcome {
    const expected = /p\.commit_number = (\d+)\) = 1/.exec(sql)?.[1];
    if (expected !== undefined && this.checkpoint?.[4] !== expected)
      return { kind: 'failed', error: { reason: 'invalidQuery', message: OTHER_WRITER } };
    if (this.refusesStatement(sql))
      return { kind: 'failed', error: { reason: 'invalidQuery', message: 'not that' } };
    for (const statement of sql.split(';\n')) this.#statement(statement);
    return { kind: 'done', rows: 0, bytesBilled: 10 };
  }

  #statement(sql: string): void {
    if (sql.startsWith('CREATE TABLE IF NOT EXISTS')) this.#hasTables = true;
    const texts = literals(sql);
    if (sql.startsWith('DELETE FROM `acme`.`sluice_shop`.`_cdc_tables`')) this.entries.clear();
    if (sql.startsWith('INSERT INTO `acme`.`sluice_shop`.`_cdc_checkpoints`')) {
      const [warehouse = '', pipeline = '', prefix = '', offsets = '', pending = ''] = texts;
      const [start = null, cut = null, gtidSet = null] = texts.slice(5);
      const [, ordinal = null, committedAtUs = null] =
        /, (\d+), '[0-9a-f/]+', (\d+), '/i.exec(sql) ?? [];
      this.checkpoint = [
        String(LAYOUT_VERSION),
        warehouse,
        pipeline,
        prefix,
        '0',
        offsets,
        pending,
        start,
      ];
      this.checkpoint.push(ordinal, cut, committedAtUs, gtidSet, null, '[]');
    }
    if (sql.includes('`acme`.`sluice_shop`.`_cdc_tables`')) this.#changeTables(sql);
    if (sql.startsWith('UPDATE `acme`.`sluice_shop`.`_cdc_checkpoints` AS p SET layout')) {
      this.checkpoint?.splice(0, 1, String(LAYOUT_VERSION));
    } else if (sql.startsWith('UPDATE `acme`.`sluice_shop`.`_cdc_checkpoints`')) {
      const [, head = '', stopped = '', tail = ''] =
        /^(.*), stopped = \[(.*)\], (updated_at = .*)$/s.exec(sql) ?? [];
      const [offsets = '', pending = '', newest = ''] = literals(head);
      const [, lastSequence = null, gtidSet = null] = literals(tail);
      const facts = [...stopped.matchAll(/('(?:[^'\\]|\\.)*') AS facts/g)].flatMap(
        ([, text = '']) => literals(text).map((json) => ({ facts: json })),
      );
      const number = /commit_number = (\d+)/.exec(sql)?.[1] ?? '';
      const cut = /commit_ordinal = (\d+).* committed_at_us = (\d+)/.exec(sql);
      const before = this.checkpoint ?? [];
      this.checkpoint = [
        ...before.slice(0, 4),
        number,
        offsets,
        pending,
        before[7] ?? null,
        ...(cut ? [cut[1] ?? '', lastSequence, cut[2] ?? '', gtidSet] : before.slice(8, 12)),
        newest,
        JSON.stringify(facts),
      ];
    }
    const target = /^INSERT INTO `acme`\.`sluice_shop`\.`(.*?__changes)`/.exec(sql)?.[1];
    if (target !== undefined) this.#deleteLive(target, sql);
  }

  #changeTables(sql: string): void {
    const [, columns = '', listed = ''] =
      /^INSERT INTO \S+ \((.*?)\) (SELECT .*|VALUES .*)$/s.exec(sql) ?? [];
    const values = /^SELECT (.*) FROM UNNEST\(\[1\]\) AS one/s.exec(listed)?.[1];
    const rows = values === undefined ? tuples(listed.replace('VALUES ', '')) : [split(values)];
    for (const row of columns === '' ? [] : rows) {
      const entry = Object.fromEntries(
        split(columns).map((name, at) => [name, literal(row[at] ?? '')]),
      );
      if (!this.entries.has(String(entry['name']))) this.entries.set(String(entry['name']), entry);
    }
    const form = /^UPDATE \S+ AS t SET (definition = .*) WHERE t\.name = ('.*?')( AND .*)?$/s.exec(
      sql,
    );
    if (form) this.#assign(String(literal(form[2] ?? '')), split(form[1] ?? ''), ' = ');
    const structs = /FROM UNNEST\(\[(.*)\]\) AS v WHERE/s.exec(sql)?.[1];
    if (!/SET (?:status|definition) = v\./.test(sql)) return;
    for (const struct of split(structs ?? '')) {
      const [name = '', ...fields] = split(struct.slice('STRUCT('.length, -1));
      const pairs = fields.map((field) =>
        field
          .split(/ AS (?=\w+$)/)
          .reverse()
          .join(' = '),
      );
      this.#assign(String(literal(name.replace(/ AS name$/, ''))), pairs, ' = ');
    }
  }

  #assign(name: string, pairs: readonly string[], between: string): void {
    const entry = this.entries.get(name);
    for (const pair of entry ? pairs : []) {
      const at = pair.indexOf(between);
      entry![pair.slice(0, at)] = literal(pair.slice(at + between.length));
    }
  }

  #deleteLive(table: string, sql: string): void {
    const seq = /'([0-9A-Fa-f/]+)', 'd'/.exec(sql)?.[1] ?? '';
    const olderThan = /WHERE l\._cdc_seq < '([0-9A-Fa-f/]+)'$/.exec(sql)?.[1] ?? seq;
    const gone = this.live(table, (at) => at < seq).filter((line) => line._cdc_seq < olderThan);
    const lines = gone.map((line) => JSON.stringify({ ...line, _cdc_seq: seq, _cdc_op: 'd' }));
    this.lines.set(table, [...(this.lines.get(table) ?? []), ...lines]);
  }

  /** The newest line of each `id` within the bound, deletes left out. */
  live(table: string, bound: (seq: string) => boolean): readonly Line[] {
    const newest = new Map<unknown, Line>();
    for (const text of this.lines.get(table) ?? []) {
      const line = sourceLine(text);
      const known = newest.get(line.id);
      if (bound(line._cdc_seq) && (!known || line._cdc_seq > known._cdc_seq))
        newest.set(line.id, line);
    }
    return [...newest.values()].filter((line) => line._cdc_op !== 'd');
  }
}

/** With columns as the source calls them, whichever of that name they are. */
function sourceLine(text: string): Line {
  const members = Object.entries(JSON.parse(text) as Line);
  return Object.fromEntries(
    members.map(([name, value]) => [name.replace(/__v\d+$/, ''), value]),
  ) as unknown as Line;
}

type Entry = Record<string, string | null>;

/** In the order that they are asked for in. */
const SELECTED = [
  'definition',
  'status',
  'watermark',
  'watermark_at_us',
  'delta_rows',
  'state_rows',
  'compacted_at',
  'name',
  'continuity',
];

export interface Line {
  readonly id: unknown;
  readonly _cdc_seq: string;
  readonly _cdc_op: string;
  readonly [column: string]: unknown;
}

function lost(): SluiceError {
  return new SluiceError('bigquery.unreachable', 'No answer.');
}

/** The text literals of a statement, in order. */
function literals(sql: string): readonly string[] {
  return [...sql.matchAll(/'((?:[^'\\]|\\.)*)'/g)].map(([, body = '']) =>
    body.replaceAll(/\\(x([0-9a-f]{2})|.)/g, (_, one: string, hex?: string) =>
      hex === undefined ? one : String.fromCharCode(Number.parseInt(hex, 16)),
    ),
  );
}

/** The parts between commas that are in no literal and no parenthesis. */
function split(sql: string): readonly string[] {
  const parts: string[] = [''];
  let depth = 0;
  for (const [token] of sql.matchAll(/'(?:[^'\\]|\\.)*'|[()[\],]|[^'()[\],]+/g)) {
    if (token === '(' || token === '[') depth += 1;
    if (token === ')' || token === ']') depth -= 1;
    if (token === ',' && depth === 0) parts.push('');
    else parts.push(`${parts.pop() ?? ''}${token}`);
  }
  return parts.map((part) => part.trim());
}

const tuples = (sql: string): readonly (readonly string[])[] =>
  split(sql).map((tuple) => split(tuple.slice(1, -1)));

/** Text of a literal, or digits; `null` for what is cast from NULL. */
function literal(sql: string): string | null {
  if (sql.startsWith('CAST(NULL')) return null;
  return sql.startsWith("'") ? (literals(sql)[0] ?? '') : sql;
}
