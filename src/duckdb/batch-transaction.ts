import type { DuckDBConnection } from '@duckdb/node-api';
import { BEFORE_ALL, type Sequence } from '../change/sequence.ts';
import type { TableId, TableName } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import { announcements, type ContinuityMap, firstFacts } from '../sink/continuity.ts';
import { type ControlEffects, controlEffects, type LiveDelete } from '../sink/control-effects.ts';
import type { ChangeRow, Cut, SinkBatch, TableRows } from '../sink/destination.ts';
import type { SinkKillPoint } from '../sink/kill-points.ts';
import { moveStops } from '../sink/move-stops.ts';
import type { PartitionOffset } from '../sink/record-source.ts';
import {
  cutOfTable,
  type Obstacle,
  refuseLate,
  type ShownCut,
  type Stops,
} from '../sink/table-stop.ts';
import type { ControlRecord } from '../topic/control-record.ts';
import { type Topic, tableTopic } from '../topic/topic-name.ts';
import { follow, settled } from '../view/evolve-table.ts';
import { expireChanges, expired } from '../view/expiry.ts';
import { foldedChanges, foldStatements } from '../view/fold-plan.ts';
import { followableForms } from '../view/followable-forms.ts';
import type { FormChange } from '../view/form-change.ts';
import { keyEnds } from '../view/key-generation.ts';
import { KnownTables } from '../view/known-tables.ts';
import { liveDeleteStatement } from '../view/live-delete.ts';
import { type Relation, shownBy, takenReason, uncertain } from '../view/own-relations.ts';
import { isRenamed, namesLeft, shownAs, withoutPassedNames } from '../view/relation-names.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { withoutPassedForms } from '../view/table-form.ts';
import { dropGoneViews, dropViews, viewStatements } from '../view/table-views.ts';
import { columnsMade, owedForm, owedIn, wholeForm } from '../view/unmade-form.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { duckdbFailure } from './duckdb-error.ts';
import { foreignRelations } from './foreign-relations.ts';
import { gapStatements, type StoredState, stateChanges } from './metadata.ts';
import { DUCKDB_NAMING } from './names.ts';
import type { RowStage } from './row-stage.ts';
import { DUCKDB_RULES, tableStatements } from './table-plan.ts';
import { isOfTable, mayPass, type TablePart, TableRefused } from './table-refused.ts';

const FOLDED = 'temp.sluice_folded';

export interface TransactionContext {
  readonly connection: DuckDBConnection;
  readonly stage: RowStage;
  readonly file: string;
  readonly prefix: string;
  readonly reach: (point: SinkKillPoint) => void;
}

export interface LeftAlone {
  /** Tables whose rows are stored a few at a time. */
  readonly inPieces: ReadonlySet<TableName>;
  /** Tables that stay with the columns and views that they have. */
  readonly unchanged: ReadonlySet<TableName>;
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
  #stopped: Stops;
  #cut: Cut | undefined;
  #unchanged: ReadonlySet<TableName> = new Set();
  /** Relations under names of tables that somebody else has made. */
  #foreign: ReadonlySet<string> = new Set();

  constructor(context: TransactionContext, before: StoredState) {
    this.#context = context;
    this.#before = before;
    this.#tables = new Map(before.tables);
    this.#offsets = new Map(before.offsets);
    this.#pending = before.pending;
    this.#continuity = before.continuity;
    this.#stopped = before.stopped;
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
      stopped: this.#stopped,
    };
  }

  /** Rows put into each changelog, deletes by truncate and sweep included. */
  get added(): ReadonlyMap<TableName, number> {
    return this.#added;
  }

  /**
   * @param met  obstacles of earlier attempts at the batch; their tables are left out
   * @param leftAlone  what is not done as it would be, since it was refused before
   * @returns the obstacles of all tables that it stops
   * @throws {TableRefused} when another table cannot be stored; the transaction is void
   */
  async apply(
    batch: SinkBatch,
    ingestedAtUs: number,
    met: readonly Obstacle[],
    leftAlone: LeftAlone,
  ): Promise<readonly Obstacle[]> {
    this.#unchanged = leftAlone.unchanged;
    for (const rows of batch.tables) refuseLate(this.#before, rows);
    const forms = { tables: [...this.#tables.values()], stopped: this.#stopped };
    const topicOf = (id: TableId): Topic => tableTopic(this.#context.prefix, id);
    const { changes, obstacles } = followableForms(DUCKDB_RULES, topicOf, forms, batch, met);
    const changed = await this.#ensureTables(
      changes.filter(({ table }) => this.#tables.has(table) || !this.#unchanged.has(table)),
      owedIn(this.#before, this.#tables.values(), batch),
      announcements(batch.control),
    );
    const stuck = new Set(obstacles.map(({ table }) => table));
    const fitting = batch.tables.filter(({ table }) => !stuck.has(table));
    for (const rows of fitting)
      await this.#store(rows, ingestedAtUs, leftAlone.inPieces.has(rows.table));
    this.#context.reach('sinkMidTransaction');
    const stops = moveStops(this.#before, batch, obstacles, mayPass);
    this.#stopped = stops.stays;
    const effects = controlEffects(this.state, { ...batch, tables: fitting }, stops);
    if (batch.cut) await this.#carryOut(this.#deletes(effects, batch.cut), batch.cut, ingestedAtUs);
    await this.#run('recording gaps', gapStatements(effects.gaps, ingestedAtUs));
    this.#pending = effects.pending;
    this.#continuity = effects.continuity;
    this.#cut = batch.cut ?? this.#cut;
    const frozen = new Set(obstacles.map(({ topic }) => topic));
    for (const offset of batch.offsets)
      if (!frozen.has(offset.topic))
        this.#offsets.set(`${offset.topic}/${offset.partition}`, offset);
    const moved = this.#moved();
    this.#foreign = await this.#foreignAmong([...moved.map(([name]) => name), ...changed.keys()]);
    const renamed = await this.#passNames();
    for (const [name, seq] of new Map([...this.#passForms(), ...moved, ...renamed, ...changed]))
      if (!this.#unchanged.has(name))
        await this.#ofTable(name, seq, 'form', () => this.#changeViews(name));
    await this.#save();
    return obstacles;
  }

  /** Tables that now show another cut than the others, or the same again. */
  #moved(): readonly (readonly [TableName, Sequence])[] {
    const { stopped } = this.#before;
    const names = new Set([...stopped.keys(), ...this.#stopped.keys()]);
    return [...names].flatMap((name) => {
      const isSame = stopped.has(name) === this.#stopped.has(name);
      if (isSame || !this.#tables.has(name)) return [];
      return [[name, (this.#stopped.get(name) ?? stopped.get(name))?.seq ?? BEFORE_ALL] as const];
    });
  }

  /** Looks at what has the names of tables that take names, or may have been refused theirs. */
  async #foreignAmong(names: readonly TableName[]): Promise<ReadonlySet<string>> {
    const after = this.#cut?.lastSequence;
    const renamed = [...this.#tables.values()].filter((table) =>
      isRenamed(table, undefined, after),
    );
    const relations = [...new Set([...names, ...renamed.map(({ name }) => name)])].flatMap((name) =>
      uncertain(duckdbDialect, DUCKDB_NAMING, this.#table(name), after, this.#made(name)),
    );
    return this.#doing('looking for relations of others', () =>
      foreignRelations(this.#context.connection, relations),
    );
  }

  /** What surely shows a table before the transaction: nothing that a stop may have left undone. */
  #made(name: TableName): readonly Relation[] {
    const { tables, stopped, cut } = this.#before;
    const table = tables.get(name);
    if (!table || table.unmade || stopped.has(name)) return [];
    const shown = cut?.lastSequence;
    return shownBy(duckdbDialect, DUCKDB_NAMING, table, { warehouse: shown, table: shown });
  }

  /**
   * Takes away what has shown tables under names that they leave with the cut.
   * @returns the tables that have other names from here on
   */
  async #passNames(): Promise<readonly (readonly [TableName, Sequence])[]> {
    const cut = this.#cut?.lastSequence;
    // One that a stopped table takes when it goes on may have been passed by the cut before.
    const renamed = [...this.#tables.values()].filter((table) => isRenamed(table, undefined, cut));
    for (const table of renamed) {
      const drops = namesLeft(table, cut).flatMap((names) =>
        dropViews(duckdbDialect, names, this.#foreign),
      );
      if (!this.#unchanged.has(table.name))
        await this.#ofTable(table.name, table.schemaSince, 'form', () =>
          this.#run(`taking old names from ${table.name}`, drops),
        );
      this.#tables.set(table.name, withoutPassedNames(table, cut));
    }
    return renamed.map(({ name, schemaSince }) => [name, schemaSince] as const);
  }

  /** Tables of which the cut that they show has passed a change of their form. */
  #passForms(): readonly (readonly [TableName, Sequence])[] {
    const shown = { stopped: this.#stopped, cut: this.#cut };
    return [...this.#tables.values()].flatMap((table) => {
      const cut = cutOfTable(shown, table.name)?.lastSequence;
      const left = cut === undefined ? table : withoutPassedForms(table, cut);
      if (left === table) return [];
      this.#tables.set(table.name, left);
      return [[table.name, table.schemaSince] as const];
    });
  }

  async #store(rows: TableRows, ingestedAtUs: number, inPieces: boolean): Promise<void> {
    const table = this.#table(rows.table);
    const newest = rows.rows.reduce((last, { seq }) => (seq > last ? seq : last), BEFORE_ALL);
    await this.#ofTable(table.name, newest, 'rows', async () => {
      for (const part of inPieces ? pieces(rows.rows) : [rows.rows])
        await this.#doing(`storing rows of ${table.name}`, () =>
          this.#context.stage.store({ ...rows, rows: part }, table, ingestedAtUs),
        );
    });
    this.#count(rows.table, rows.rows.length);
  }

  /** @throws {TableRefused} */
  async #ofTable(
    table: TableName,
    seq: Sequence,
    part: TablePart,
    work: () => Promise<void>,
  ): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw isOfTable(error) ? new TableRefused(table, seq, part, error) : error;
    }
  }

  /** Folds changes up to the published cut into the state of the table. */
  async fold(name: TableName): Promise<void> {
    await this.#fold(this.#table(name));
    await this.#replaceViews(name);
    await this.#save();
  }

  /** Takes folded changes that are older than some days out of the changelog, once a day. */
  async expire(name: TableName, days: number, nowUs: number): Promise<void> {
    const table = this.#table(name);
    const watermarkAtUs = cutOfTable(this.#before, name)?.committedAtUs;
    if (watermarkAtUs === undefined) return;
    const left = expired(table, days, { watermarkAtUs, nowUs });
    if (left === table) return;
    this.#tables.set(name, left);
    await this.#run(`removing expired changes of ${name}`, expireChanges(duckdbDialect, left));
    await this.#replaceViews(name);
    await this.#save();
  }

  async #save(): Promise<void> {
    await this.#run('writing the checkpoint', stateChanges(this.#before, this.state));
  }

  async #fold(table: StoredTable): Promise<void> {
    const upTo = cutOfTable(this.#before, table.name)?.lastSequence;
    if (upTo === undefined || upTo <= table.watermark) return;
    await this.#run(`folding the changes of ${table.name}`, [
      `CREATE OR REPLACE TEMP TABLE sluice_folded AS ${foldedChanges(duckdbDialect, table, upTo)}`,
      ...foldStatements(duckdbDialect, table, upTo, FOLDED),
      `DROP TABLE ${FOLDED}`,
    ]);
    this.#tables.set(table.name, { ...table, watermark: upTo });
  }

  /**
   * Brings tables into their newest form, in which rows of every form have a place. One that was
   * refused goes on record as it is owed.
   *
   * @param owed  tables that need what was refused of them before
   * @returns the tables with another form, and the sequence of the record that needs it
   */
  async #ensureTables(
    changes: readonly FormChange[],
    owed: ReadonlyMap<TableName, Sequence>,
    isAnnounced: ReturnType<typeof announcements>,
  ): Promise<ReadonlyMap<TableName, Sequence>> {
    const known = new KnownTables(this.#tables.values(), DUCKDB_RULES);
    const changed = new Map<TableName, Sequence>();
    for (const change of changes) {
      for (const { name } of follow(DUCKDB_RULES, known, change))
        if (!changed.has(name)) changed.set(name, change.since);
    }
    for (const [name, since] of owed) if (!changed.has(name)) changed.set(name, since);
    for (const [name, since] of changed) {
      const [from, newest] = [this.#tables.get(name), known.get(name)];
      if (!newest) continue;
      const to = wholeForm(settled(newest));
      if (this.#unchanged.has(name)) {
        if (from) this.#tables.set(name, owedForm(to, since, columnsMade(from)));
        continue;
      }
      await this.#ofTable(name, since, 'form', async () => {
        await this.#run(`changing the columns of ${name}`, tableStatements(from, to));
      });
      this.#tables.set(name, to);
      if (!from) this.#meet(name, since, isAnnounced(name, since));
    }
    return changed;
  }

  #meet(name: TableName, since: Sequence, isAnnounced: boolean): void {
    const known = this.#continuity.get(name);
    const facts = firstFacts(known, since, isAnnounced, this.#before.start);
    this.#continuity = new Map(this.#continuity).set(name, facts);
  }

  /** Those that records say, and those where the key of a table changes. */
  #deletes({ deletes }: ControlEffects, { lastSequence }: Cut): readonly LiveDelete[] {
    const shown = (name: TableName): Sequence | undefined | 'stays' =>
      this.#stopped.has(name) ? 'stays' : cutOfTable(this.#before, name)?.lastSequence;
    const ends = keyEnds(this.#tables.values(), shown, lastSequence);
    return [...deletes, ...ends].sort((a, b) => (a.seq < b.seq ? -1 : 1));
  }

  async #carryOut(deletes: readonly LiveDelete[], cut: Cut, ingestedAtUs: number): Promise<void> {
    for (const each of deletes) {
      const table = this.#tables.get(each.table);
      if (!table) continue;
      const statement = liveDeleteStatement(duckdbDialect, table, each, cut, ingestedAtUs);
      const deleted = await this.#doing(`deleting the live rows of ${table.name}`, () =>
        this.#context.connection.run(statement),
      );
      this.#count(table.name, deleted.rowsChanged);
    }
  }

  /** @throws {SluiceError} `duckdb.table-refused` where somebody else has one of its names */
  async #changeViews(name: TableName): Promise<void> {
    const table = this.#table(name);
    const at = { warehouse: this.#cut?.lastSequence, table: this.#shownCut(name)?.lastSequence };
    const taken = shownBy(duckdbDialect, DUCKDB_NAMING, table, at)
      .map(({ names, suffix }) => duckdbDialect.relation(names, suffix))
      .find((relation) => this.#foreign.has(relation));
    if (taken !== undefined) throw new SluiceError('duckdb.table-refused', takenReason(taken));
    const named = shownAs(table, at.warehouse);
    if (!named) return;
    const gone = dropGoneViews(duckdbDialect, named, at.table, this.#foreign);
    await this.#run(`taking views of ${name} away`, gone);
    await this.#replaceViews(name);
  }

  #shownCut(name: TableName): ShownCut | undefined {
    const stop = this.#stopped.get(name);
    return stop ? stop.cut : this.#cut;
  }

  /** Those of a stopped table have its cut as a literal: they are replaced in the transaction that stops it. */
  async #replaceViews(name: TableName): Promise<void> {
    const shown = this.#shownCut(name);
    const cut = duckdbDialect.sequence(shown?.lastSequence ?? BEFORE_ALL);
    const dialect = this.#stopped.has(name) ? { ...duckdbDialect, cut } : duckdbDialect;
    const table = shownAs(this.#table(name), this.#cut?.lastSequence);
    if (!table) return;
    const statements = viewStatements(dialect, table, shown?.lastSequence);
    await this.#run(`replacing the views of ${name}`, statements);
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

/** What a piece holds at the most, unless a single row is larger. */
const PIECE_CHARACTERS = 1_000_000;

function pieces(rows: readonly ChangeRow[]): readonly (readonly ChangeRow[])[] {
  const parts: ChangeRow[][] = [];
  let room = 0;
  for (const row of rows) {
    room -= row.row.length;
    if (room < 0) {
      parts.push([]);
      room = PIECE_CHARACTERS - row.row.length;
    }
    parts.at(-1)?.push(row);
  }
  return parts;
}
