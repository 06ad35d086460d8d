import { BEFORE_ALL, type Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import type { ErrorCode } from '../errors/catalogue.ts';
import { InvariantBroken } from '../errors/error.ts';
import { standingChanges } from '../sink/continuity.ts';
import { controlEffects } from '../sink/control-effects.ts';
import type {
  Destination,
  DestinationState,
  NewWarehouse,
  SinkBatch,
  StoppedTable,
} from '../sink/destination.ts';
import { moveStops, stoppedTables } from '../sink/move-stops.ts';
import { cutOfTable, refuseLate, rowsToStore } from '../sink/table-stop.ts';
import type { Topic } from '../topic/topic-name.ts';
import { keyEnds } from '../view/key-generation.ts';
import { shownAs } from '../view/relation-names.ts';
import { formAt } from '../view/table-form.ts';
import { type Commit, commitScript, type RefusedRow } from './commit-script.ts';
import { DEFAULT_FOLDING, isDue } from './compaction.ts';
import type { BigQueryContext } from './context.ts';
import { evolveTables } from './evolve-tables.ts';
import { foldTable } from './fold-table.ts';
import { foreignRelations } from './foreign-relations.ts';
import { type LoadedBatch, loadBatch } from './load-batch.ts';
import { awaitBudget, type LoadBudget } from './load-budget.ts';
import { isSamePlan, jobId, type LoadPlan, newPlan } from './load-plan.ts';
import { loadRejects } from './load-rejects.ts';
import { massDeletes, writeDeletes } from './mass-deletes.ts';
import { createBookkeeping, type StoredState } from './metadata.ts';
import { newCheckpoint, setAsideStatements, uncertainOf } from './new-warehouse.ts';
import { addedRows, nextState } from './next-state.ts';
import { plannedCommit, readLoadBudget, readState, restored } from './read-warehouse.ts';
import { isDone } from './run-job.ts';
import { runRepeatable, runScript, runStatement } from './run-script.ts';
import { withStagedData } from './staged-data.ts';
import { fitsStreams, streamBatch } from './stream-batch.ts';
import { StreamBudget } from './stream-budget.ts';
import { takeAway } from './take-away.ts';

interface Opened {
  state: StoredState;
  /** Begun by an earlier attempt and not committed. */
  planned: LoadPlan | undefined;
  readonly loadBudget: LoadBudget;
  readonly streamBudget: StreamBudget;
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
 * 3. one load job a table, under ids made from the plan, or one stream a table, whose name joins
 *    the plan before it is committed; the rows are there and show nowhere
 * 4. one job for each truncate and sweep that the cut covers, which writes the deletes of its rows
 * 5. one transaction that asserts the number of the commit before, and moves offsets and cut
 *
 * An attempt that finds a plan without its commit repeats it with the same records: jobs that are
 * done are found by their ids, streams by their names, and not sent again. One call at a time.
 *
 * A table whose records BigQuery cannot take is left out of 3, and stopped by 5: its offsets and its
 * cut stay where they are, in the same checkpoint, until a later commit has all of it.
 */
export class BigQueryDestination implements Destination {
  readonly #context: BigQueryContext;
  /** Absent before `open`, and after a failure until `open` has read the truth again. */
  #opened: Opened | undefined;

  constructor(context: BigQueryContext) {
    this.#context = context;
  }

  /**
   * Brings bookkeeping of an earlier version up to date.
   * @throws {SluiceError} `sink.foreign-warehouse` | `sink.warehouse-lost` | `bigquery.*`
   */
  async open(): Promise<DestinationState | undefined> {
    this.#opened = undefined;
    const found = await readState(this.#context);
    if (!found) return undefined;
    const { state, planned } = await this.#settled(found);
    const nowMs = this.#context.clock.nowMs();
    this.#opened = {
      state,
      planned,
      loadBudget: await readLoadBudget(this.#context, nowMs),
      streamBudget: new StreamBudget(nowMs),
      openedAtMs: nowMs,
      committedAtMs: nowMs,
    };
    return {
      offsets: [...state.offsets.values()],
      cut: state.cut,
      warehouseId: state.identity.warehouseId,
      ...(planned ? { planned: endOf(planned) } : {}),
    };
  }

  /** The commit of an attempt that is gone may still be under way, and is none to be repeated then. */
  async #settled(state: StoredState): Promise<Pick<Opened, 'state' | 'planned'>> {
    const { service, plans, signal } = this.#context;
    const planned = plannedCommit(plans.newest(), state);
    const isMade =
      planned !== undefined &&
      (await isDone(service, jobId(this.#context, planned, COMMIT), signal));
    return isMade
      ? { state: await this.#confirmed(planned), planned: undefined }
      : { state, planned };
  }

  /**
   * Tables of a warehouse that is there keep their rows under other names. They go aside first: as
   * long as the checkpoint is the old one, this can be done again.
   */
  async create({ warehouseId, start }: NewWarehouse): Promise<DestinationState> {
    const { service, layout, pipeline, prefix } = this.#context;
    this.#opened = undefined;
    await service.ensureDataset(layout.internal);
    const found = await readState(this.#context);
    const aside = setAsideStatements(
      layout,
      found?.identity.warehouseId ?? `before-${warehouseId}`,
      [...(found?.tables.values() ?? [])].map(({ table }) => table),
      await foreignRelations(this.#context, found ? uncertainOf(layout, found) : []),
      await service.tables(layout.internal),
    );
    await takeAway(this.#context, aside.drops, 'taking the views of an old warehouse away');
    await runScript(this.#context, aside.renames, 'putting an old warehouse aside');
    await runScript(this.#context, createBookkeeping(layout), 'making its own tables');
    const identity = { warehouseId, pipeline, prefix };
    const checkpoint = newCheckpoint(layout, identity, start);
    await runRepeatable(this.#context, checkpoint, 'writing the first checkpoint');
    const state = await this.open();
    if (!state) throw new InvariantBroken('a checkpoint that was written is not there');
    return state;
  }

  async apply(received: SinkBatch): Promise<readonly Topic[]> {
    const opened = this.#mustBeOpen();
    const { clock, quietCommitMs, reach } = this.#context;
    const atMs = clock.nowMs();
    const batch = rowsToStore(opened.state, received);
    if (isQuiet(batch, opened) && atMs - opened.committedAtMs < quietCommitMs) return [];
    this.#opened = undefined;
    for (const rows of batch.tables) refuseLate(opened.state, rows);
    const plan = await this.#plan(opened, batch);
    const { state, obstacles } = await evolveTables(this.#context, opened.state, batch);
    const stuck = new Set(obstacles.map(({ table }) => table));
    const fitting = { ...batch, tables: batch.tables.filter(({ table }) => !stuck.has(table)) };
    const files = plan.streams
      ? await streamBatch(this.#context, state, plan, fitting)
      : await loadBatch(this.#context, state, plan, fitting, (table, failed) =>
          this.#beforeLoad(opened, table, failed),
        );
    reach('sinkMidTransaction');
    const met = [...obstacles, ...files.obstacles];
    const made = await this.#commit(state, plan, fitting, { ...files, obstacles: met });
    const next = opened.planned ? await this.#confirmed(plan) : made;
    this.#opened = { ...opened, state: next, planned: undefined, committedAtMs: atMs };
    // Another attempt at a planned commit may have met other obstacles, and have made it.
    const left = opened.planned ? next.stopped.values() : met;
    return Array.from(left, ({ topic }) => topic);
  }

  stopped(): readonly StoppedTable[] {
    const { onRefusedRow } = this.#context;
    return stoppedTables(
      this.#mustBeOpen().state,
      ({ code }) => isPolicy(code) && onRefusedRow === 'reject',
    );
  }

  async compact(untilMs: number): Promise<void> {
    const opened = this.#mustBeOpen();
    const { folding = DEFAULT_FOLDING, clock } = this.#context;
    const { cut } = opened.state;
    if (!cut) return;
    // In no fixed order: one whose fold fails must not keep the same others from theirs every time.
    for (const entry of inAnyOrder([...opened.state.tables.values()])) {
      const { name } = entry.table;
      const times = { nowMs: clock.nowMs(), openedAtMs: opened.openedAtMs };
      if (times.nowMs > untilMs) return;
      if (opened.state.stopped.has(name) || !isDue(entry, cut, folding, times)) continue;
      this.#opened = undefined;
      opened.state = await foldTable(this.#context, opened.state, name);
      this.#opened = opened;
    }
  }

  async close(): Promise<void> {
    this.#opened = undefined;
    await this.#context.streams.close();
  }

  /** What was planned now has been counted with its plan; what is repeated has not. */
  async #beforeLoad(
    { planned, loadBudget }: Opened,
    table: TableName,
    failed: number,
  ): Promise<void> {
    if (!planned) return;
    const { clock } = this.#context;
    loadBudget.takeFailed(table, failed, planned.ingestedAtUs / 1000, clock.nowMs());
    await awaitBudget(loadBudget, [table], this.#context);
  }

  /**
   * The budget comes first, so that an attempt that ends while it waits has begun nothing. Offsets
   * that a quiet batch left behind are in none of the plans, so the session reads them again after
   * a failure.
   */
  async #plan(opened: Opened, batch: SinkBatch): Promise<LoadPlan> {
    const { state, planned } = opened;
    const { plans, clock, writePath, onRefusedRow } = this.#context;
    const { offsets, cut } = batch;
    if (planned) {
      if (!isSamePlan(planned, { offsets, cut }))
        throw new InvariantBroken(`commit ${planned.commit} was planned with other records`);
      return planned;
    }
    const byStreams = writePath === 'storage-write' && fitsStreams(batch);
    const budget = byStreams ? opened.streamBudget : opened.loadBudget;
    await awaitBudget(budget, tablesOf(batch), this.#context);
    const plan = newPlan({
      warehouseId: state.identity.warehouseId,
      commit: state.commit + 1,
      ...endOf(batch),
      onRefusedRow,
      ingestedAtUs: clock.nowMs() * 1000,
      deletesFirst: true,
      ...(byStreams ? { streams: [] } : {}),
    });
    await plans.store(plan);
    return plan;
  }

  async #commit(
    state: StoredState,
    plan: LoadPlan,
    batch: SinkBatch,
    { loaded: files, obstacles }: LoadedBatch,
  ): Promise<StoredState> {
    const { layout } = this.#context;
    const { warehouseId, ingestedAtUs: atUs } = plan;
    const all = files.flatMap((file) => file.refused);
    const stops = moveStops(state, batch, obstacles, isPolicy);
    const effects = controlEffects(state, batch, stops, newestRefused(all));
    const shown = (name: TableName): Sequence | undefined | 'stays' =>
      stops.stays.has(name) ? 'stays' : cutOfTable(state, name)?.lastSequence;
    const forms = Array.from(state.tables.values(), ({ table }) => table);
    const ends = plan.cut ? keyEnds(forms, shown, plan.cut.lastSequence) : [];
    const deletes = [...effects.deletes, ...ends]
      .filter(({ table }) => state.tables.has(table))
      .sort((a, b) => (a.seq < b.seq ? -1 : 1));
    const { inCommit, before } = massDeletes(this.#context, state, plan, deletes);
    await writeDeletes(this.#context, plan, before);
    const added = addedRows(files, new Set(deletes.map(({ table }) => table)));
    const frozen = new Set(obstacles.map(({ topic }) => topic));
    const to = nextState(state, { plan, effects, stops, added, rows: batch.tables, frozen });
    const commit: Commit = {
      warehouseId,
      to,
      atUs,
      massDeletes: inCommit,
      added,
      standings: standingChanges(state, to),
      refused: await loadRejects(this.#context, plan, all),
      gaps: effects.gaps,
      loaded: files.filter(({ rows }) => rows > 0),
    };
    this.#context.reach('sinkBeforeCommit');
    const id = jobId(this.#context, plan, COMMIT);
    const script = await withStagedData(this.#context, id, commitScript(layout, commit));
    await runStatement(this.#context, id, script, 'committing');
    if (all.length > 0) this.#context.onRefused(all.length);
    return to;
  }

  /**
   * What a planned commit has made of the warehouse, whoever made it. It may have been made long ago,
   * in tables that were restored to an older state since: its jobs are done then, and their rows are
   * not there.
   */
  async #confirmed({ commit }: LoadPlan): Promise<StoredState> {
    const state = await readState(this.#context);
    if (state?.commit !== commit) throw restored(state?.commit ?? 0, commit);
    return state;
  }

  #mustBeOpen(): Opened {
    if (this.#opened) return this.#opened;
    throw new InvariantBroken(
      'the destination is not open, or has failed and was not opened again',
    );
  }
}

/** What the job of a commit is called. */
const COMMIT = 'commit';

const inAnyOrder = <Item>(items: readonly Item[]): readonly Item[] =>
  items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);

const tablesOf = ({ tables }: SinkBatch): readonly TableName[] => [
  ...new Set(tables.map(({ table }) => table)),
];

/** A row that is refused passes where rows are put on record instead. */
const isPolicy = (code: ErrorCode): boolean => code === 'bigquery.row-refused';

/** A row that is put on record instead is missing from its table since then. */
function newestRefused(rows: readonly RefusedRow[]): ReadonlyMap<TableName, Sequence> {
  const newest = new Map<TableName, Sequence>();
  for (const { table, seq } of rows)
    if (seq > (newest.get(table) ?? BEFORE_ALL)) newest.set(table, seq);
  return newest;
}

const endOf = ({ offsets, begins, cut, without }: Planned): Planned => ({
  offsets,
  cut,
  ...(begins === undefined ? {} : { begins }),
  ...(without === undefined ? {} : { without }),
});

type Planned = Pick<LoadPlan, 'offsets' | 'begins' | 'cut' | 'without'>;

/**
 * Nothing but positions: no row, no control record, none that waits for the cut, no table that it
 * would release, and no plan to be kept.
 */
function isQuiet({ tables, control, without = [] }: SinkBatch, opened: Opened): boolean {
  const { cut, newest, pending, stopped, tables: entries } = opened.state;
  return (
    tables.length === 0 &&
    control.length === 0 &&
    !opened.planned &&
    cut !== undefined &&
    pending.every(({ seq }) => seq <= cut.lastSequence) &&
    [...stopped.values()].every(({ topic }) => without.includes(topic)) &&
    (newest === undefined || newest <= cut.lastSequence) &&
    [...entries.values()].every(
      ({ table }) =>
        formAt(table, cut.lastSequence) === table && shownAs(table, cut.lastSequence) === table,
    )
  );
}
