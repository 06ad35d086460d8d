import type { DuckDBConnection } from '@duckdb/node-api';
import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import { InvariantBroken } from '../errors/error.ts';
import { announcements, type ContinuityMap, firstFacts } from '../sink/continuity.ts';
import { type ControlEffects, controlEffects } from '../sink/control-effects.ts';
import type { Cut, SinkBatch } from '../sink/destination.ts';
import type { SinkKillPoint } from '../sink/kill-points.ts';
import type { PartitionOffset } from '../sink/record-source.ts';
import { refuseLate } from '../sink/table-stop.ts';
import type { ControlRecord } from '../topic/control-record.ts';
import { keyChanged, schemaUses, tableFor } from '../view/evolve-table.ts';
import { foldedChanges, foldStatements } from '../view/fold-plan.ts';
import { liveDeleteStatement } from '../view/live-delete.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { viewStatements } from '../view/table-views.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { duckdbFailure } from './duckdb-error.ts';
import { gapStatements, type StoredState, stateChanges } from './metadata.ts';
import type { RowStage } from './row-stage.ts';
import { DUCKDB_RULES, tableStatements } from './table-plan.ts';

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
  #continuity: ContinuityMap;
  #cut: Cut | undefined;

  constructor(context: TransactionContext, before: StoredState) {
    this.#context = context;
    this.#before = before;
    this.#tables = new Map(before.tables);
    this.#offsets = new Map(before.offsets);
    this.#pending = before.pending;
    this.#continuity = before.continuity;
    this.#cut = before.cut;
  }

  get state(): StoredState {
    return {
      ...this.#before,
      offsets: this.#offsets,
      cut: this.#cut,
      tables: this.#tables,
      pending: this.#pending,
      continuity: this.#continuity,
    };
  }

  /** Rows put into each changelog, deletes by truncate and sweep included. */
  get added(): ReadonlyMap<TableName, number> {
    return this.#added;
  }

  async apply(batch: SinkBatch, ingestedAtUs: number): Promise<void> {
    for (const rows of batch.tables) refuseLate(this.#before, rows);
    await this.#ensureTables(batch);
    for (const rows of batch.tables) {
      await this.#doing(`storing rows of ${rows.table}`, () =>
        this.#context.stage.store(rows, this.#table(rows.table), ingestedAtUs),
      );
      this.#count(rows.table, rows.rows.length);
    }
    this.#context.reach('sinkMidTransaction');
    const effects = controlEffects(this.state, batch);
    if (batch.cut) await this.#carryOut(effects, batch.cut, ingestedAtUs);
    await this.#run('recording gaps', gapStatements(effects.gaps, ingestedAtUs));
    this.#pending = effects.pending;
    this.#continuity = effects.continuity;
    this.#cut = batch.cut ?? this.#cut;
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
      ...foldStatements(duckdbDialect, table, FOLDED),
      `DROP TABLE ${FOLDED}`,
    ]);
    this.#tables.set(table.name, { ...table, watermark: upTo });
  }

  async #ensureTables(batch: SinkBatch): Promise<void> {
    const changed = new Set<TableName>();
    const isAnnounced = announcements(batch.control);
    for (const use of schemaUses(batch)) {
      const to = tableFor(DUCKDB_RULES, this.#tables, use);
      const from = this.#tables.get(to.name);
      if (from === to) continue;
      if (from && keyChanged(from, to)) await this.#fold(from);
      const { watermark } = this.#tables.get(to.name) ?? to;
      await this.#run(`changing the columns of ${to.name}`, tableStatements(from, to));
      this.#tables.set(to.name, { ...to, watermark });
      if (!from) this.#meet(to.name, use.since, isAnnounced(to.name, use.since));
      changed.add(to.name);
    }
    for (const name of changed) await this.#replaceViews(name);
  }

  #meet(name: TableName, since: Sequence, isAnnounced: boolean): void {
    const known = this.#continuity.get(name);
    const facts = firstFacts(known, since, isAnnounced, this.#before.start);
    this.#continuity = new Map(this.#continuity).set(name, facts);
  }

  async #carryOut(effects: ControlEffects, cut: Cut, ingestedAtUs: number): Promise<void> {
    for (const each of effects.deletes) {
      const table = this.#tables.get(each.table);
      if (!table) continue;
      const statement = liveDeleteStatement(duckdbDialect, table, each, cut, ingestedAtUs);
      const deleted = await this.#doing(`deleting the live rows of ${table.name}`, () =>
        this.#context.connection.run(statement),
      );
      this.#count(table.name, deleted.rowsChanged);
    }
  }

  async #replaceViews(name: TableName): Promise<void> {
    await this.#run(
      `replacing the views of ${name}`,
      viewStatements(duckdbDialect, this.#table(name)),
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
