import { randomUUID } from 'node:crypto';
import type { TableName } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type { Destination, DestinationState, SinkBatch, TableRows } from '../sink/destination.ts';
import type { SinkKillPoint } from '../sink/kill-points.ts';
import type { Dialect } from '../view/dialect.ts';
import { keyChanged, schemaUses, tableFor } from '../view/evolve-table.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { type BatchEffects, batchEffects, refuseLate } from './batch-effects.ts';
import { bigQueryDialect, physicalName } from './bigquery-dialect.ts';
import { type Commit, commitScript, type LoadedFile, type TableChange } from './commit-script.ts';
import {
  DEFAULT_FOLDING,
  type FoldingPolicy,
  foldScript,
  isDue,
  parseProbe,
  probeQuery,
} from './compaction.ts';
import type { BigQueryService, QueryJob } from './job.ts';
import { type LoadFile, loadFile, type OnRefusedRow } from './load-file.ts';
import { isSamePlan, type JobNames, jobId, type LoadPlan, type LoadPlans } from './load-plan.ts';
import {
  checkpointQuery,
  compactionRecord,
  createBookkeeping,
  createCheckpoint,
  LAYOUT_VERSION,
  parseState,
  type StoredState,
  saveDefinition,
  tablesQuery,
} from './metadata.ts';
import type { BigQueryLayout } from './names.ts';
import { runJob } from './run-job.ts';
import { bigQueryRules, type TableSettings, tableStatements, tableViews } from './table-plan.ts';

export interface BigQueryDestinationOptions extends JobNames {
  readonly prefix: string;
  readonly layout: BigQueryLayout;
  readonly tables: TableSettings;
  readonly plans: LoadPlans;
  /** Of the warehouse this sink has committed to before, when it has. */
  readonly expectedWarehouseId?: string;
  readonly folding?: FoldingPolicy;
  readonly compactionPriority: QueryJob['priority'];
  readonly onRefusedRow: OnRefusedRow;
  /** While only the position moves, it is committed this often: a quiet pipeline costs next to nothing. */
  readonly quietCommitMs: number;
  readonly nowMs: () => number;
  readonly reach: (point: SinkKillPoint) => void;
  readonly signal?: AbortSignal;
}

/** Jobs under way at once; each load holds its file in memory. */
const CONCURRENT_JOBS = 4;

interface Opened {
  state: StoredState;
  /** Begun by an earlier attempt and not committed. */
  planned: LoadPlan | undefined;
  readonly openedAtMs: number;
  committedAtMs: number;
}

/**
 * A warehouse in BigQuery, which has no transaction over load jobs. A commit is therefore planned
 * outside first: what it ends at is written to the plan log, and everything it does to BigQuery is
 * a function of the plan and of the records up to there.
 *
 * 1. plan: offsets, cut and commit number, durable before anything is sent
 * 2. schema steps: statements that may be run again, each table by itself
 * 3. one load job a table, under ids made from the plan; the rows are there and show nowhere
 * 4. one transaction that asserts the number of the commit before, and moves offsets and cut
 *
 * An attempt that finds a plan without its commit repeats it with the same records: jobs that are
 * done are found by their ids and not sent again. One call at a time.
 */
export class BigQueryDestination implements Destination {
  readonly #service: BigQueryService;
  readonly #options: BigQueryDestinationOptions;
  readonly #dialect: Dialect;
  /** Absent before `open`, and after a failure until `open` has read the truth again. */
  #opened: Opened | undefined;

  constructor(service: BigQueryService, options: BigQueryDestinationOptions) {
    this.#service = service;
    this.#options = options;
    this.#dialect = bigQueryDialect(options.layout);
  }

  /** @throws {SluiceError} `sink.foreign-warehouse` | `sink.warehouse-lost` | `bigquery.*` */
  async open(): Promise<DestinationState> {
    this.#opened = undefined;
    const found = await this.#readState();
    const state = this.#accept(found) ?? (await this.#create());
    const plan = await this.#options.plans.newest();
    const planned = plan && isAhead(plan, state) ? plan : undefined;
    const nowMs = this.#options.nowMs();
    this.#opened = { state, planned, openedAtMs: nowMs, committedAtMs: nowMs };
    return {
      offsets: [...state.offsets.values()],
      cut: state.cut,
      warehouseId: state.identity.warehouseId,
      ...(planned ? { planned: { offsets: planned.offsets, cut: planned.cut } } : {}),
    };
  }

  async apply(batch: SinkBatch): Promise<void> {
    const opened = this.#mustBeOpen();
    const nowMs = this.#options.nowMs();
    if (isQuiet(batch, opened) && nowMs - opened.committedAtMs < this.#options.quietCommitMs)
      return;
    this.#opened = undefined;
    for (const rows of batch.tables) refuseLate(opened.state, rows);
    const plan = await this.#plan(opened, batch);
    const state = await this.#ensureTables(opened.state, batch);
    const files = await this.#load(state, plan, batch);
    this.#options.reach('sinkMidTransaction');
    const next = await this.#commit(state, plan, batch, files);
    this.#opened = { ...opened, state: next, planned: undefined, committedAtMs: nowMs };
  }

  async compact(): Promise<void> {
    const opened = this.#mustBeOpen();
    const { folding = DEFAULT_FOLDING, nowMs } = this.#options;
    const { cut } = opened.state;
    if (!cut) return;
    for (const [name, entry] of opened.state.tables) {
      const times = { nowMs: nowMs(), openedAtMs: opened.openedAtMs };
      if (!isDue(entry, cut, folding, times)) continue;
      this.#opened = undefined;
      opened.state = await this.#fold(opened.state, name);
      this.#opened = opened;
    }
  }

  async rowCounts(): Promise<ReadonlyMap<TableName, number>> {
    const { state } = this.#mustBeOpen();
    const counts = [...state.tables.values()].map(
      ({ table }) => `SELECT COUNT(*) AS present FROM ${this.#dialect.view(table, '')} AS v`,
    );
    const names = [...state.tables.keys()];
    const rows = await Promise.all(counts.map((sql) => this.#service.rows(sql)));
    return new Map(names.map((name, index) => [name, Number(rows[index]?.[0]?.[0] ?? 0)]));
  }

  async close(): Promise<void> {
    this.#opened = undefined;
  }

  async #readState(): Promise<StoredState | undefined> {
    const { layout } = this.#options;
    try {
      const [checkpoint] = await this.#service.rows(checkpointQuery(layout));
      if (!checkpoint) return undefined;
      return parseState(checkpoint, await this.#service.rows(tablesQuery(layout)));
    } catch (error) {
      if (error instanceof SluiceError && error.code === 'bigquery.not-found') return undefined;
      throw error;
    }
  }

  #accept(found: StoredState | undefined): StoredState | undefined {
    const { expectedWarehouseId, layout, pipeline, prefix } = this.#options;
    const where = `${layout.project}.${layout.internal}`;
    const identity = found?.identity;
    if (expectedWarehouseId !== undefined && identity?.warehouseId !== expectedWarehouseId)
      throw new SluiceError(
        'sink.warehouse-lost',
        `${where} ${identity ? `is warehouse ${identity.warehouseId}` : 'holds no warehouse'}, this sink has filled ${expectedWarehouseId}.`,
        { facts: { dataset: where, expectedWarehouseId } },
      );
    if (!found || !identity) return undefined;
    if (
      identity.pipeline === pipeline &&
      identity.prefix === prefix &&
      identity.layout === LAYOUT_VERSION
    )
      return found;
    throw new SluiceError(
      'sink.foreign-warehouse',
      `${where} holds layout ${identity.layout} of pipeline ${identity.pipeline} with prefix ${identity.prefix}, not what pipeline ${pipeline} with prefix ${prefix} can write.`,
      { facts: { dataset: where, pipeline: identity.pipeline, prefix: identity.prefix } },
    );
  }

  async #create(): Promise<StoredState> {
    const { layout, pipeline, prefix } = this.#options;
    await this.#service.ensureDataset(layout.internal);
    await this.#script(createBookkeeping(layout), 'making its own tables');
    const identity = { warehouseId: randomUUID(), pipeline, prefix };
    await this.#script([createCheckpoint(layout, identity)], 'writing the first checkpoint');
    const state = this.#accept(await this.#readState());
    if (!state) throw new InvariantBroken('a checkpoint that was written is not there');
    return state;
  }

  /** Offsets that a quiet batch left behind are in none of the plans, so the session reads them again after a failure. */
  async #plan({ state, planned }: Opened, { offsets, cut }: SinkBatch): Promise<LoadPlan> {
    const { plans, nowMs } = this.#options;
    if (planned) {
      if (!isSamePlan(planned, { offsets, cut }))
        throw new InvariantBroken(`commit ${planned.commit} was planned with other records`);
      return planned;
    }
    const plan: LoadPlan = {
      warehouseId: state.identity.warehouseId,
      commit: state.commit + 1,
      offsets,
      cut,
      ingestedAtUs: nowMs() * 1000,
    };
    await plans.store(plan);
    return plan;
  }

  /** Before the first row that needs them. What is on record is true whenever this is interrupted. */
  async #ensureTables(state: StoredState, batch: SinkBatch): Promise<StoredState> {
    const { layout } = this.#options;
    let current = state;
    const known = formsOf(state);
    const targets = new Map<TableName, StoredTable>();
    const rules = bigQueryRules(layout);
    for (const use of schemaUses(batch)) {
      const to = tableFor(rules, known, use);
      const from = known.get(to.name);
      if (from === to) continue;
      if (from && keyChanged(from, to)) current = await this.#fold(current, to.name);
      known.set(to.name, to);
      targets.set(to.name, to);
    }
    const changes = [...targets.values()].map((to) => tableChange(current, to));
    if (changes.length === 0) return current;
    await this.#ensureDatasets(changes);
    await inLanes(CONCURRENT_JOBS, changes, async ({ from, to }) => {
      const ddl = [
        ...tableStatements(layout, this.#options.tables, from, to),
        ...tableViews(layout, to),
      ];
      await this.#script(ddl, `changing the columns of ${to.name}`);
    });
    for (const { from, to } of changes)
      await this.#script([saveDefinition(layout, to, from === undefined)], `recording ${to.name}`);
    return changes.reduce((next, { to }) => withForm(next, to), current);
  }

  async #ensureDatasets(changes: readonly FormChange[]): Promise<void> {
    const fresh = changes.filter(({ from }) => from === undefined);
    const datasets = new Set(fresh.map(({ to }) => this.#options.layout.dataset(to.id)));
    for (const dataset of datasets) await this.#service.ensureDataset(dataset);
  }

  async #load(
    { tables }: StoredState,
    plan: LoadPlan,
    batch: SinkBatch,
  ): Promise<readonly (LoadFile & LoadedFile)[]> {
    const parts = new Map<TableName, TableRows[]>();
    for (const rows of batch.tables)
      parts.set(rows.table, [...(parts.get(rows.table) ?? []), rows]);
    const done: (LoadFile & LoadedFile)[] = [];
    await inLanes(CONCURRENT_JOBS, [...parts], async ([name, rows]) => {
      const table = tables.get(name)?.table;
      if (!table) throw new InvariantBroken(`table ${name} was not ensured`);
      done.push(await this.#loadTable(table, rows, plan));
    });
    return done.sort((a, b) => (a.table < b.table ? -1 : 1));
  }

  async #loadTable(
    table: StoredTable,
    rows: readonly TableRows[],
    plan: LoadPlan,
  ): Promise<LoadFile & LoadedFile> {
    const { onRefusedRow, layout, signal } = this.#options;
    const file = await loadFile(table, rows, plan.ingestedAtUs, onRefusedRow);
    const id = jobId(this.#options, plan, `load-${table.name}`);
    if (file.rows > 0) {
      const target = { dataset: layout.internal, table: physicalName(table.id, 'changes') };
      const job = { kind: 'load', ...target, file: file.file } as const;
      const done = await runJob(this.#service, id, job, `loading rows of ${table.name}`, signal);
      if (done.rows < file.rows)
        throw new InvariantBroken(
          `job ${id} loaded ${done.rows} rows of ${table.name}, its file has ${file.rows}`,
        );
    }
    return { ...file, jobId: id, fileBytes: file.file.length };
  }

  async #commit(
    state: StoredState,
    plan: LoadPlan,
    batch: SinkBatch,
    files: readonly (LoadFile & LoadedFile)[],
  ): Promise<StoredState> {
    const { layout } = this.#options;
    const effects = batchEffects(
      this.#dialect,
      formsOf(state),
      state.pending,
      batch,
      plan.ingestedAtUs,
    );
    const tables = tableChanges(state, effects, files);
    const to: StoredState = {
      ...state,
      commit: plan.commit,
      offsets: moved(state, plan),
      cut: plan.cut ?? state.cut,
      pending: effects.pending,
      tables: withChanges(state, tables),
    };
    const commit: Commit = {
      warehouseId: plan.warehouseId,
      to,
      atUs: plan.ingestedAtUs,
      massDeletes: effects.massDeletes,
      tables,
      refused: files.flatMap(({ refused }) => refused),
      gaps: effects.gaps,
      loaded: files.filter(({ rows }) => rows > 0),
    };
    this.#options.reach('sinkBeforeCommit');
    const sql = commitScript(layout, commit);
    await this.#run(jobId(this.#options, plan, 'commit'), sql, 'committing');
    return to;
  }

  /** Folds changes up to the published cut into the state of the table. */
  async #fold(state: StoredState, name: TableName): Promise<StoredState> {
    const { layout, compactionPriority, nowMs, signal } = this.#options;
    const { cut } = state;
    const entry = state.tables.get(name);
    if (!cut || !entry || entry.table.watermark >= cut.lastSequence) return state;
    const { table } = entry;
    const [row = []] = await this.#service.rows(probeQuery(layout, table, cut));
    const probe = parseProbe(row);
    const atUs = nowMs() * 1000;
    const sql = foldScript(layout, table, cut, probe, atUs);
    const id = this.#foldId(state, table);
    const job: QueryJob = { kind: 'query', sql, priority: compactionPriority };
    const done = await runJob(this.#service, id, job, `folding ${name}`, signal);
    this.#options.reach('sinkCompacting');
    const folded = { ...table, watermark: cut.lastSequence, watermarkAtUs: cut.committedAtUs };
    const kind = probe.known === 0 ? 'append' : 'merge';
    const record = {
      jobId: id,
      kind,
      changes: probe.changes,
      bytesBilled: done.bytesBilled,
    } as const;
    await this.#script(
      [...tableViews(layout, folded), compactionRecord(layout, folded, record, atUs)],
      `replacing the views of ${name}`,
    );
    const after = {
      table: folded,
      deltaRows: Math.max(0, entry.deltaRows - probe.changes),
      stateRows: entry.stateRows + Math.max(0, probe.changes - probe.known),
      compactedAtMs: atUs / 1000,
    };
    return { ...state, tables: new Map(state.tables).set(name, after) };
  }

  #foldId({ identity, commit, cut }: StoredState, { name, watermark }: StoredTable): string {
    const { warehouseId } = identity;
    const plan = { warehouseId, commit, offsets: [], cut, ingestedAtUs: 0 };
    return jobId(this.#options, plan, `fold-${name}-${watermark}`);
  }

  /** Statements that may be run twice, so that the id of their job says nothing. */
  async #script(statements: readonly string[], doing: string): Promise<void> {
    const sql =
      statements.length === 1 ? (statements[0] ?? '') : statements.map((s) => `${s};`).join('\n');
    await this.#run(`sluice-${randomUUID()}`, sql, doing);
  }

  async #run(id: string, sql: string, doing: string): Promise<void> {
    const job: QueryJob = { kind: 'query', sql, priority: 'INTERACTIVE' };
    await runJob(this.#service, id, job, doing, this.#options.signal);
  }

  #mustBeOpen(): Opened {
    if (this.#opened) return this.#opened;
    throw new InvariantBroken(
      'the destination is not open, or has failed and was not opened again',
    );
  }
}

interface FormChange {
  readonly from: StoredTable | undefined;
  readonly to: StoredTable;
}

const formsOf = ({ tables }: StoredState): Map<TableName, StoredTable> =>
  new Map([...tables].map(([name, { table }]) => [name, table]));

/** @param to  made before folds: where the table is folded up to is in the state */
function tableChange({ tables }: StoredState, to: StoredTable): FormChange {
  const from = tables.get(to.name)?.table;
  return { from, to: from ? { ...to, ...foldedUpTo(from) } : to };
}

const foldedUpTo = ({ watermark, watermarkAtUs }: StoredTable): Partial<StoredTable> =>
  watermarkAtUs === undefined ? { watermark } : { watermark, watermarkAtUs };

function withForm(state: StoredState, table: StoredTable): StoredState {
  const entry = state.tables.get(table.name) ?? NEW_ENTRY;
  return { ...state, tables: new Map(state.tables).set(table.name, { ...entry, table }) };
}

const NEW_ENTRY = { deltaRows: 0, stateRows: 0, compactedAtMs: undefined };

/** A plan without its commit. One further ahead was committed to a warehouse that is not this one any more. */
function isAhead({ warehouseId, commit }: LoadPlan, state: StoredState): boolean {
  if (warehouseId !== state.identity.warehouseId || commit <= state.commit) return false;
  if (commit === state.commit + 1) return true;
  throw new SluiceError(
    'sink.warehouse-lost',
    `The warehouse is at commit ${state.commit}, but commit ${commit - 1} was made: it was restored to an older state.`,
    { facts: { commit: state.commit, planned: commit } },
  );
}

/** Nothing but positions: no row, no control record, and no plan to be kept. */
function isQuiet({ tables, control }: SinkBatch, { state, planned }: Opened): boolean {
  return (
    tables.length === 0 &&
    control.length === 0 &&
    state.pending.length === 0 &&
    !planned &&
    state.cut !== undefined
  );
}

function moved({ offsets }: StoredState, plan: LoadPlan): StoredState['offsets'] {
  const next = new Map(offsets);
  for (const offset of plan.offsets) next.set(`${offset.topic}/${offset.partition}`, offset);
  return next;
}

function tableChanges(
  { tables }: StoredState,
  { statuses, deletedFrom }: BatchEffects,
  files: readonly LoadFile[],
): readonly TableChange[] {
  const fileOf = new Map(files.map((file) => [file.table, file]));
  const names = new Set([...fileOf.keys(), ...statuses.keys(), ...deletedFrom]);
  return [...names].sort().map((name) => {
    const file = fileOf.get(name);
    // How many keys a truncate ends is not known here; that there are some is.
    const addedRows = (file?.rows ?? 0) + (deletedFrom.has(name) ? 1 : 0);
    const before = statuses.get(name) ?? tables.get(name)?.table.status ?? 'consistent';
    return { name, addedRows, status: file && file.refused.length > 0 ? 'gap' : before };
  });
}

function withChanges(
  { tables }: StoredState,
  changes: readonly TableChange[],
): StoredState['tables'] {
  const next = new Map(tables);
  for (const { name, addedRows, status } of changes) {
    const entry = next.get(name);
    if (entry)
      next.set(name, {
        ...entry,
        table: { ...entry.table, status },
        deltaRows: entry.deltaRows + addedRows,
      });
  }
  return next;
}

async function inLanes<Item>(
  lanes: number,
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const lane = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  const ended = await Promise.allSettled(Array.from({ length: lanes }, lane));
  const failed = ended.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
}
