import { gunzipSync } from 'node:zlib';
import { OTHER_WRITER } from '../../src/bigquery/bigquery-error.ts';
import type {
  BigQueryService,
  Job,
  JobId,
  JobOutcome,
  LoadJob,
  QueryJob,
} from '../../src/bigquery/job.ts';
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
  /** What tables were told to be clustered by. */
  readonly clustered = new Map<string, readonly string[]>();
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

  async routines(): Promise<readonly string[]> {
    if (this.#faults() === 'lostAnswer') throw lost();
    return [];
  }

  async viewQuery(): Promise<undefined> {
    if (this.#faults() === 'lostAnswer') throw lost();
  }

  async routineBody(): Promise<undefined> {
    if (this.#faults() === 'lostAnswer') throw lost();
  }

  async hasTable(): Promise<boolean> {
    if (this.#faults() === 'lostAnswer') throw lost();
    return this.#hasTables;
  }

  async cluster(_: string, table: string, columns: readonly string[]): Promise<void> {
    if (this.#faults() === 'lostAnswer') throw lost();
    this.clustered.set(table, columns);
  }

  async primaryKey(): Promise<readonly string[]> {
    if (this.#faults() === 'lostAnswer') throw lost();
    return [];
  }

  async ensureDataset(dataset: string): Promise<void> {
    if (this.#faults() === 'lostAnswer') throw lost();
    this.datasets.add(dataset);
  }

  #run(job: Job): JobOutcome {
    if (job.kind === 'query') return this.#script(job);
    if (this.refuses(job))
      return { kind: 'failed', error: { reason: 'invalid', message: 'Bad value' } };
    const lines = gunzipSync(job.file).toString().trimEnd().split('\n');
    this.lines.set(job.table, [...(this.lines.get(job.table) ?? []), ...lines]);
    return { kind: 'done', rows: lines.length, bytesBilled: 0 };
  }

  #script({ sql, data = {} }: QueryJob): JobOutcome {
    const expected = /p\.commit_number = (\d+)\) = 1/.exec(sql)?.[1];
    if (expected !== undefined && this.checkpoint?.[4] !== expected)
      return { kind: 'failed', error: { reason: 'invalidQuery', message: OTHER_WRITER } };
    if (this.refusesStatement(sql))
      return { kind: 'failed', error: { reason: 'invalidQuery', message: 'not that' } };
    for (const statement of sql.split(';\n')) this.#statement(statement, data);
    return { kind: 'done', rows: 0, bytesBilled: 10 };
  }

  #statement(sql: string, data: Readonly<Record<string, string>>): void {
    if (sql.startsWith('CREATE TABLE IF NOT EXISTS')) this.#hasTables = true;
    if (sql.startsWith('DELETE FROM `acme`.`sluice_shop`.`_cdc_tables`')) this.entries.clear();
    if (sql.startsWith('INSERT INTO `acme`.`sluice_shop`.`_cdc_checkpoints`'))
      this.#beginCheckpoint(sql, data);
    if (/^(?:MERGE INTO|UPDATE) `acme`\.`sluice_shop`\.`_cdc_tables`/.test(sql))
      this.#changeTables(data);
    if (sql.startsWith('UPDATE `acme`.`sluice_shop`.`_cdc_checkpoints` AS p SET layout'))
      this.checkpoint?.splice(0, 1, String(LAYOUT_VERSION));
    else if (sql.startsWith('UPDATE `acme`.`sluice_shop`.`_cdc_checkpoints`'))
      this.#moveCheckpoint(sql, data);
    const target = /^INSERT INTO `acme`\.`sluice_shop`\.`(.*?__changes)`/.exec(sql)?.[1];
    if (target !== undefined) this.#deleteLive(target, sql);
  }

  #beginCheckpoint(sql: string, { offsets = '', gtid_set: gtidSet }: Data): void {
    const [warehouse = '', pipeline = '', prefix = '', pending = '', start = null] = literals(sql);
    const [, ordinal = null, cut = null, committedAtUs = null] =
      /, (\d+), '([0-9A-F/]+)', (\d+), @gtid_set/.exec(sql) ?? [];
    const names = [String(LAYOUT_VERSION), warehouse, pipeline, prefix, '0', offsets, pending];
    this.checkpoint = [...names, start, ordinal, cut, committedAtUs, gtidSet ?? null, null, '[]'];
  }

  #moveCheckpoint(
    sql: string,
    { offsets = '', pending = '', stopped = '[]', gtid_set }: Data,
  ): void {
    const number = /commit_number = (\d+)/.exec(sql)?.[1] ?? '';
    const newest = /newest_seq = '(.*?)'/.exec(sql)?.[1] ?? '';
    const [, ordinal, cut, committedAtUs] =
      /commit_ordinal = (\d+), cut_seq = '(.*?)', committed_at_us = (\d+)/.exec(sql) ?? [];
    const before = this.checkpoint ?? [];
    this.checkpoint = [
      ...[...before.slice(0, 4), number, offsets, pending, before[7] ?? null],
      ...(ordinal === undefined
        ? before.slice(8, 12)
        : [ordinal, cut ?? '', committedAtUs ?? '', gtid_set ?? '']),
      ...[newest, stopped],
    ];
  }

  #changeTables({ tables, definitions }: Data): void {
    for (const { added, moved, ...row } of parsed(tables)) {
      const entry = this.entries.get(String(row['name']));
      if (moved === '1') this.entries.set(String(row['name']), { ...NO_ROWS, ...entry, ...row });
      const rows = Number(entry?.['delta_rows'] ?? 0) + Number(added);
      if (entry)
        this.entries.set(String(row['name']), {
          ...(moved === '1' ? { ...entry, ...row } : entry),
          delta_rows: String(rows),
        });
    }
    for (const row of parsed(definitions)) {
      const entry = this.entries.get(String(row['name']));
      const { definition = null } = row;
      const isFormed = typeof entry?.['definition'] === 'string';
      this.entries.set(
        String(row['name']),
        isFormed ? { ...entry, definition } : { ...row, ...NO_ROWS },
      );
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

type Data = Readonly<Record<string, string>>;

const NO_ROWS = { delta_rows: '0', state_rows: '0' };

/** Rows of a parameter with their values as BigQuery's REST API writes them. */
const parsed = (rows = '[]'): readonly Entry[] =>
  (JSON.parse(rows) as readonly Record<string, string | number | null>[]).map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)]),
    ),
  );

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
