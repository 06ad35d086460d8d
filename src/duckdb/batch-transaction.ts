import type { DuckDBConnection } from '@duckdb/node-api';
import { unreachable } from '../change/brand.ts';
import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type { Cut, SinkBatch, TableRows } from '../sink/destination.ts';
import type { SinkKillPoint } from '../sink/kill-points.ts';
import type { PartitionOffset } from '../sink/record-source.ts';
import type { ControlRecord } from '../topic/control-record.ts';
import { formAfter, settled } from '../view/evolve-table.ts';
import { foldedChanges, foldStatements, massDelete } from '../view/fold-plan.ts';
import { type FormChange, formChanges } from '../view/form-change.ts';
import { endedGenerations } from '../view/key-generation.ts';
import { KnownTables } from '../view/known-tables.ts';
import { BEFORE_ALL, META, type StoredTable, type TableStatus } from '../view/stored-table.ts';
import { formAt, withoutPassedForms } from '../view/table-form.ts';
import { viewStatements } from '../view/table-views.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { duckdbFailure } from './duckdb-error.ts';
import { type StoredState, stateChanges } from './metadata.ts';
import type { RowStage } from './row-stage.ts';
import { DUCKDB_RULES, tableStatements } from './table-plan.ts';

const { sequence } = duckdbDialect;

const FOLDED = 'temp.sluice_folded';

export interface TransactionContext {
  readonly connection: DuckDBConnection;
  readonly stage: RowStage;
  readonly file: string;
  readonly reach: (point: SinkKillPoint) => void;
}

/**
 * One transaction on the warehouse and the state it will leave behind. The state given at the start
 * is untouched: the caller takes {@link state} over after COMMIT, and nothing otherwise.
 */
export class BatchTransaction {
  readonly #context: TransactionContext;
  readonly #before: StoredState;
  readonly #tables: Map<TableName, StoredTable>;
  readonly #offsets: Map<string, PartitionOffset>;
  readonly #added = new Map<TableName, number>();
  #pending: readonly ControlRecord[];
  #cut: Cut | undefined;

  constructor(context: TransactionContext, before: StoredState) {
    this.#context = context;
    this.#before = before;
    this.#tables = new Map(before.tables);
    this.#offsets = new Map(before.offsets);
    this.#pending = before.pending;
    this.#cut = before.cut;
  }

  get state(): StoredState {
    const { cut, pending } = { cut: this.#cut, pending: this.#pending };
    return { ...this.#before, offsets: this.#offsets, cut, tables: this.#tables, pending };
  }

  /** Rows put into each changelog, deletes by truncate and sweep included. */
  get added(): ReadonlyMap<TableName, number> {
    return this.#added;
  }

  async apply(batch: SinkBatch, ingestedAtUs: number): Promise<void> {
    for (const rows of batch.tables) this.#refuseLate(rows);
    const changed = await this.#ensureTables(formChanges(batch));
    for (const rows of batch.tables) {
      await this.#doing(`storing rows of ${rows.table}`, () =>
        this.#context.stage.store(rows, this.#table(rows.table), ingestedAtUs),
      );
      this.#count(rows.table, rows.rows.length);
    }
    this.#context.reach('sinkMidTransaction');
    this.#pending = [...this.#pending, ...batch.control.filter((record) => this.#counts(record))];
    if (batch.cut)
      for (const name of await this.#publish(batch.cut, ingestedAtUs)) changed.add(name);
    for (const name of changed) await this.#replaceViews(name);
    for (const offset of batch.offsets)
      this.#offsets.set(`${offset.topic}/${offset.partition}`, offset);
    await this.#save();
  }

  /** Folds changes up to the published cut into the state of the table. */
  async fold(name: TableName): Promise<void> {
    await this.#fold(this.#table(name));
    await this.#replaceViews(name);
    await this.#save();
  }

  async #save(): Promise<void> {
    await this.#run('writing the checkpoint', stateChanges(this.#before, this.state));
  }

  async #fold(table: StoredTable): Promise<void> {
    if (!this.#cut) return;
    const upTo = this.#cut.lastSequence;
    await this.#run(`folding the changes of ${table.name}`, [
      `CREATE OR REPLACE TEMP TABLE sluice_folded AS ${foldedChanges(duckdbDialect, table, upTo)}`,
      ...foldStatements(duckdbDialect, table, upTo, FOLDED),
      `DROP TABLE ${FOLDED}`,
    ]);
    this.#tables.set(table.name, { ...table, watermark: upTo });
  }

  /** Rows of the published cut have all been there when it was published. */
  #refuseLate({ table, rows }: TableRows): void {
    const cut = this.#cut?.lastSequence;
    const late = cut === undefined ? undefined : rows.find(({ seq }) => seq <= cut);
    if (late)
      throw new SluiceError(
        'sink.behind-watermark',
        `A change of ${table} with sequence ${late.seq} (source position ${late.position}) arrived after the cut ${cut} was published.`,
        { facts: { table, seq: late.seq, position: late.position, cut: cut ?? '' } },
      );
  }

  /** Brings tables into their newest form, in which rows of every form have a place. */
  async #ensureTables(changes: readonly FormChange[]): Promise<Set<TableName>> {
    const known = new KnownTables(this.#tables.values(), DUCKDB_RULES);
    const changed = new Set<TableName>();
    for (const change of changes) {
      const to = formAfter(DUCKDB_RULES, known, change);
      if (!to || to === known.get(to.name)) continue;
      known.set(to);
      changed.add(to.name);
    }
    for (const name of changed) {
      const [from, newest] = [this.#tables.get(name), known.get(name)];
      if (!newest) continue;
      const to = settled(newest);
      await this.#run(`changing the columns of ${name}`, tableStatements(from, to));
      const status = from ? from.status : this.#firstStatus(formAt(to, BEFORE_ALL));
      this.#tables.set(name, { ...to, status });
    }
    return changed;
  }

  #firstStatus({ schemaSince }: StoredTable): TableStatus {
    const { start } = this.#before;
    return start !== undefined && schemaSince <= start ? 'incomplete' : 'consistent';
  }

  /** What happened before the warehouse began happened to rows it does not have. */
  #counts({ kind, seq }: ControlRecord): boolean {
    const { start } = this.#before;
    return kind !== 'schema' && (start === undefined || seq > start);
  }

  /** Resolves with the tables whose views take another form with the cut. */
  async #publish(cut: Cut, ingestedAtUs: number): Promise<readonly TableName[]> {
    const due = this.#pending.filter(({ seq }) => seq <= cut.lastSequence);
    const ends = [...this.#tables.values()].flatMap((table) =>
      endedGenerations(table, this.#cut?.lastSequence, cut.lastSequence).map(
        ({ upTo: seq, endedAtUs }) => ({ table: table.name, seq, committedAtUs: endedAtUs }),
      ),
    );
    for (const record of [...due, ...ends].sort((a, b) => (a.seq < b.seq ? -1 : 1)))
      await ('kind' in record
        ? this.#obey(record, cut, ingestedAtUs)
        : this.#deleteLive(record, undefined, cut, ingestedAtUs));
    this.#pending = this.#pending.filter(({ seq }) => seq > cut.lastSequence);
    this.#cut = cut;
    return [...this.#tables.values()].flatMap((table) => {
      const left = withoutPassedForms(table, cut.lastSequence);
      if (left === table) return [];
      this.#tables.set(table.name, left);
      return [table.name];
    });
  }

  async #obey(record: ControlRecord, cut: Cut, ingestedAtUs: number): Promise<void> {
    switch (record.kind) {
      case 'truncate':
        return this.#deleteLive(record, undefined, cut, ingestedAtUs);
      case 'sweep':
        return this.#deleteLive(record, record.olderThan, cut, ingestedAtUs);
      case 'snapshotBegin':
        this.#setStatus(record.table, 'snapshotting');
        return;
      case 'snapshotEnd':
        // The end of one that began before the warehouse did: its first chunks are not here.
        if (this.#tables.get(record.table)?.status !== 'incomplete')
          this.#setStatus(record.table, 'consistent');
        return;
      case 'gap':
        for (const { name, status } of this.#tables.values())
          if (status !== 'incomplete') this.#setStatus(name, 'gap');
        return;
      case 'schema':
      case 'tableGap':
      case 'columns':
      case 'tableDropped':
        return;
      default:
        return unreachable(record);
    }
  }

  #setStatus(name: TableName, status: TableStatus): void {
    const table = this.#tables.get(name);
    if (table && table.status !== status) this.#tables.set(name, { ...table, status });
  }

  /** A table nothing is known of has no live rows. */
  async #deleteLive(
    record: LiveEnd,
    olderThan: Sequence | undefined,
    cut: Cut,
    ingestedAtUs: number,
  ): Promise<void> {
    const { table: name, seq } = record;
    const table = this.#tables.get(name);
    if (!table) return;
    const statement = massDelete(duckdbDialect, table, {
      seq,
      olderThan,
      committedAt: committedAtOf(record, table, cut),
      ingestedAt: `make_timestamptz(${ingestedAtUs})`,
    });
    const deleted = await this.#doing(`deleting the live rows of ${name}`, () =>
      this.#context.connection.run(statement),
    );
    this.#count(name, deleted.rowsChanged);
  }

  async #replaceViews(name: TableName): Promise<void> {
    await this.#run(
      `replacing the views of ${name}`,
      viewStatements(duckdbDialect, this.#table(name), this.#cut?.lastSequence),
    );
  }

  #table(name: TableName): StoredTable {
    const table = this.#tables.get(name);
    if (!table) throw new InvariantBroken(`table ${name} was not ensured`);
    return table;
  }

  async #run(doing: string, statements: readonly string[]): Promise<void> {
    if (statements.length === 0) return;
    await this.#doing(doing, () => this.#context.connection.run(statements.join(';\n')));
  }

  #count(name: TableName, rows: number): void {
    this.#added.set(name, (this.#added.get(name) ?? 0) + rows);
  }

  async #doing<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw duckdbFailure(doing, this.#context.file, error);
    }
  }
}

/** Where live rows of a table end: at a truncate, a sweep or a change of its key. */
interface LiveEnd {
  readonly table: TableName;
  readonly seq: Sequence;
  readonly committedAtUs?: number | undefined;
}

/**
 * Of a record without a commit time the table's changes have one: that of the first one behind the
 * record, or of the cut when there is none, keeps times in the order of sequences.
 */
function committedAtOf({ committedAtUs, seq }: LiveEnd, table: StoredTable, cut: Cut): string {
  if (committedAtUs !== undefined) return `make_timestamptz(${committedAtUs})`;
  const next =
    `SELECT min(c.${META.committedAt}) FROM ${duckdbDialect.changes(table)} AS c` +
    ` WHERE c.${META.seq} > ${sequence(seq)}`;
  return `coalesce((${next}), make_timestamptz(${cut.committedAtUs}))`;
}
