import type { BinlogEvent, RowsEvent } from '../binlog/event.ts';
import { unreachable } from '../change/brand.ts';
import type { EncodedRow } from '../change/encoded-row.ts';
import { type TableId, type TableName, tableIdOf, tableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { SnapshotRunner } from '../snapshot/runner.ts';
import { readStatement, type StatementContext } from '../statement/statement.ts';
import type { KnownDefinition, TableEffect } from '../statement/table-effects.ts';
import type { TableRoute } from '../topic/envelope.ts';
import type { Admission } from './admission.ts';
import type { BatchWriter } from './batch-writer.ts';
import { CascadeMarks } from './cascade-marks.ts';
import type { Cascades } from './cascades.ts';
import type { Definitions } from './definitions.ts';
import type { Ledger } from './ledger.ts';
import { type OpenXa, readXa } from './open-xa.ts';
import type { StreamPosition } from './position.ts';
import { partialImage, unnamed, unsupported } from './refusals.ts';
import type { SourceTable } from './source-server.ts';
import type { TableRouter } from './table-router.ts';
import type { Tables } from './tables.ts';

export interface EventParts {
  readonly position: StreamPosition;
  readonly ledger: Ledger;
  readonly router: TableRouter;
  readonly tables: Tables;
  readonly admission: Admission;
  readonly definitions: Definitions;
  readonly snapshot: SnapshotRunner;
  readonly batch: BatchWriter;
  readonly xa: OpenXa;
  readonly cascades: Cascades;
  /** Names of statements are folded to lower case, as the server compares them. */
  readonly ignoresNameCase: boolean;
}

/**
 * What each event of the log means: rows go into the batch, transactions move the position,
 * statements change tables. A table whose rows cannot be taken stops, and the stream goes on.
 */
export class EventHandler {
  readonly #parts: EventParts;
  readonly #marks: CascadeMarks;
  /** Tables of the open transaction whose rows are in the batch, should it be rolled back. */
  readonly #emitted = new Set<TableName>();
  /** The open transaction has been rolled back, whole or to a savepoint. */
  #isTakenBack = false;
  transactions = 0;
  /** Commit time of the newest event, microseconds since 1970. */
  newestEventAtUs = 0;

  constructor(parts: EventParts) {
    this.#parts = parts;
    this.#marks = new CascadeMarks(parts);
  }

  /** Handles one event. Returns a promise only if the source has to be asked about a table first. */
  accept(event: BinlogEvent): Promise<void> | undefined {
    const { position } = this.#parts;
    switch (event.kind) {
      case 'rotate':
        position.rotate(event.file, event.pos);
        return undefined;
      case 'heartbeat':
        position.stand(event);
        return undefined;
      case 'gtid':
        position.begin(event.gtid, event.committedAtUs || event.header.timestampS * 1_000_000);
        if (event.committedAtUs > this.newestEventAtUs) this.newestEventAtUs = event.committedAtUs;
        break;
      case 'rows':
        return this.#rows(event);
      case 'xid':
        position.advance(event.header.logPos);
        this.#commit();
        return undefined;
      case 'begin':
        position.began();
        break;
      case 'query':
        this.#query(event);
        break;
      case 'anonymousGtid':
        throw unsupported(
          'a transaction without GTID (gtid_mode is not ON)',
          'SET PERSIST gtid_mode = ON',
        );
      case 'incident':
        throw new SluiceError(
          'binlog.incident',
          `The server reports lost events at ${this.#at()}: ${event.message}`,
        );
      case 'xaPrepare':
        this.#xaPrepare(event.onePhase);
        break;
      case 'unsupportedRows':
        this.#unsupportedRows(event.table.id, event.feature);
        break;
      case 'unsupported':
        throw unsupported(`${event.feature} at ${this.#at()}`);
      case 'formatDescription':
      case 'previousGtids':
      case 'tableMap':
      case 'rowsQuery':
      case 'ignored':
        break;
    }
    position.advance(event.header.logPos);
    return undefined;
  }

  #rows(event: RowsEvent & BinlogEvent): Promise<void> | undefined {
    const { position, router, tables } = this.#parts;
    if (!position.transaction)
      throw unsupported(`row events outside a transaction at ${this.#at()}`);
    const { id, schema } = event.table;
    if (this.#parts.xa.isInside) this.#touchByXa(id);
    const routing = schema ? router.routing(schema) : this.#unnamed(event);
    switch (routing.kind) {
      case 'admit':
        return this.#parts.admission.admit(id).then(() => this.#rows(event));
      case 'skip':
        this.#marks.rows(event);
        position.rowsRead(event.count());
        break;
      case 'stop':
        tables.stop(id, routing.error);
        this.#marks.rows(event);
        position.rowsRead(event.count());
        break;
      case 'route':
        this.#emit(event, routing.route);
        break;
    }
    position.advance(event.header.logPos);
    return undefined;
  }

  /** Rows whose columns have no names are no reason to stop a table that nobody follows. */
  #unnamed(event: RowsEvent & BinlogEvent): ReturnType<TableRouter['routing']> {
    const { id } = event.table;
    return this.#isFollowedOrNew(id)
      ? { kind: 'stop', error: unnamed(event, this.#at()) }
      : { kind: 'skip' };
  }

  #isFollowedOrNew(id: TableId): boolean {
    const { router, ledger } = this.#parts;
    const state = ledger.get(tableName(id))?.state.kind;
    return (
      state === 'followed' || ((state === undefined || state === 'gone') && router.captures(id))
    );
  }

  #unsupportedRows(id: TableId, feature: string): void {
    if (this.#isFollowedOrNew(id))
      this.#parts.tables.stop(id, unsupported(`${feature} of ${tableName(id)} at ${this.#at()}`));
    this.#marks.anyRows(tableName(id));
  }

  /** Rows that are in the log before their transaction is: they cannot be passed on. */
  #touchByXa(id: TableId): void {
    const { xa, tables } = this.#parts;
    // One that is left out now may have come in by the time the transaction ends.
    xa.touch(tableName(id));
    if (!this.#isFollowedOrNew(id)) return;
    tables.stop(
      id,
      unsupported(`an XA transaction that changes ${tableName(id)} at ${this.#at()}`),
    );
  }

  #xaPrepare(onePhase: boolean): void {
    const { xa } = this.#parts;
    if (onePhase) this.#xaCommitted(xa.endOpen());
    else xa.prepare();
    this.#commit();
  }

  #xa(sql: string): void {
    const { xa, position } = this.#parts;
    const statement = readXa(sql);
    switch (statement?.verb) {
      case 'start':
        position.began();
        xa.begin(statement.xid);
        return;
      case 'commit':
        this.#xaCommitted(xa.end(statement.xid));
        break;
      case 'rollback':
        xa.end(statement.xid);
        break;
      case 'prepare':
      case 'end':
      case undefined:
        return;
    }
    this.#commit();
  }

  /** A table that was copied between the two ends of a transaction lacks its rows. */
  #xaCommitted(touched: readonly TableName[] | undefined): void {
    const { ledger, tables } = this.#parts;
    const names = touched ?? [...ledger.entries.keys()];
    for (const name of names) {
      tables.rewritten(tableIdOf(name), 'rewritten', 'an XA transaction was committed');
      this.#marks.anyRows(name);
    }
  }

  #emit(event: RowsEvent & BinlogEvent, route: TableRoute): void {
    const { position, batch, snapshot, tables } = this.#parts;
    const { transaction } = position;
    if (!transaction) return;
    const firstRow = transaction.rows;
    if (firstRow < transaction.skipRows) {
      const rows = event.count();
      if (firstRow + rows <= transaction.skipRows) {
        this.#emitted.add(route.table);
        position.rowsRead(rows);
        return;
      }
    }
    const { table } = route;
    try {
      if (event.partial) throw partialImage(table);
      const source = batch.streamSource(event.table.id, event.header.serverId);
      const { keyChanges } = batch;
      batch.rows(event, route, source, snapshot.watches(table) ? this.#touch : undefined);
      this.#marks.rows(event, { schema: route.schema, count: batch.keyChanges - keyChanges });
      this.#emitted.add(table);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      tables.stop(event.table.id, located(error, table, this.#at()));
      this.#marks.rows(event);
      position.rowsRead(event.count() - (transaction.rows - firstRow));
    }
  }

  /** Both keys of a change: a key that moved touches two rows of a chunk. */
  readonly #touch = ({ bytes, before, after }: EncodedRow): void => {
    for (const image of [before, after])
      if (image && image.keyStart >= 0)
        this.#parts.snapshot.touch(bytes.toString('utf8', image.keyStart, image.keyEnd));
  };

  #query(event: Extract<BinlogEvent, { kind: 'query' }>): void {
    const { position, ignoresNameCase, definitions } = this.#parts;
    const context: StatementContext = {
      database: event.database,
      sqlMode: event.sqlMode,
      explicitDefaultsForTimestamp: event.explicitDefaultsForTimestamp,
      lowerCaseNames: ignoresNameCase,
    };
    const statement = readStatement(event.sql, context, (id) =>
      knownDefinition(definitions.known(tableName(id))),
    );
    switch (statement.kind) {
      case 'begin':
        position.began();
        return;
      case 'savepoint':
        return;
      case 'commit':
        this.#commit();
        return;
      case 'rollback':
        this.#rollback();
        return;
      case 'rollbackTo':
        // The server writes it only where rows that it takes back are in the log already.
        this.#isTakenBack = true;
        return;
      case 'xa':
        this.#xa(event.sql);
        return;
      case 'changesRows':
        this.#statementRows(statement.tables);
        break;
      case 'ddl':
        this.#apply(statement.effects, statement.dropsDatabase);
        this.#marks.statement(event.sql, context, statement.effects);
        break;
      case 'harmless':
        break;
    }
    if (position.transaction && !position.transaction.began) {
      position.advance(event.header.logPos);
      this.#commit();
    }
  }

  /** Rows changed by a statement in the log, which nobody can execute here. */
  #statementRows(touched: readonly TableId[] | 'unknown'): void {
    const { tables } = this.#parts;
    const error = unsupported(
      `rows changed by a statement instead of row events at ${this.#at()}`,
      "SET PERSIST binlog_format = 'ROW' and end the sessions that set another format",
    );
    if (touched === 'unknown') throw error;
    for (const id of touched) {
      if (this.#isFollowedOrNew(id)) tables.stop(id, error);
      this.#marks.anyRows(tableName(id));
    }
  }

  #apply(effects: readonly TableEffect[], dropsDatabase: string | undefined): void {
    for (const effect of effects) this.#effect(effect);
    if (dropsDatabase === undefined) return;
    const { ledger, definitions, tables } = this.#parts;
    const met = [...ledger.entries.values()].map(({ id }) => id);
    for (const id of [...met, ...definitions.awaited])
      if (id.database === dropsDatabase) tables.dropped(id);
  }

  #effect(effect: TableEffect): void {
    const { tables, snapshot, definitions, admission } = this.#parts;
    const { table: id } = effect;
    switch (effect.kind) {
      case 'created':
        snapshot.invalidate(tableName(id));
        admission.created(id, effect.ifNotExists);
        return;
      case 'dropped':
        tables.dropped(id);
        return;
      case 'emptied':
        tables.emptied(id);
        return;
      case 'replaced':
        snapshot.invalidate(tableName(id));
        admission.replaced(id);
        return;
      case 'rewritten':
        tables.rewritten(id, 'rewritten', effect.why);
        return;
      case 'keyChanged':
        tables.rewritten(id, 'rewritten', 'its primary key was changed');
        return;
      case 'rowsRemoved':
        tables.rowsRemoved(id, 'a partition was removed');
        return;
      case 'columns':
        tables.columns(id, effect.changes);
        return;
      case 'touched':
        if (!admission.isOurs(id)) return;
        snapshot.invalidate(tableName(id));
        definitions.touched(id);
        return;
      default:
        unreachable(effect);
    }
  }

  #commit(): void {
    if (!this.#parts.position.transaction) return;
    if (this.#isTakenBack) this.#rewriteEmitted();
    this.#parts.position.commit();
    this.transactions += 1;
    this.#emitted.clear();
    this.#isTakenBack = false;
  }

  #rollback(): void {
    this.#isTakenBack = true;
    this.#commit();
  }

  /** Some of the rows that are out have no counterpart at the source. */
  #rewriteEmitted(): void {
    for (const name of this.#emitted)
      this.#parts.tables.rewritten(
        tableIdOf(name),
        'rewritten',
        'a transaction was rolled back after its rows had been written to the log',
      );
  }

  #at(): string {
    const { file, pos } = this.#parts.position.place;
    return `${file}:${pos}`;
  }
}

/** The same failure, with the table and the place where it happened. */
function located(error: SluiceError, table: TableName, at: string): SluiceError {
  const names = error.message.includes(table);
  return new SluiceError(
    error.code,
    `${names ? '' : `${table}: `}${error.message} (at ${at} of the source's log)`,
    { cause: error, facts: { ...error.facts, table, position: at } },
  );
}

function knownDefinition(table: SourceTable | undefined): KnownDefinition | undefined {
  if (!table) return undefined;
  const { schema, columnTypes, columnExtras, defaultCharset } = table;
  const columns = schema.columns.map((column) => {
    const [fullType, extra] = [columnTypes?.get(column.name), columnExtras?.get(column.name)];
    return {
      ...column,
      ...(fullType === undefined ? {} : { fullType }),
      ...(extra === undefined ? {} : { extra }),
    };
  });
  return {
    columns,
    key: schema.key.map((index) => schema.columns[index]?.name ?? ''),
    ...(defaultCharset === undefined ? {} : { defaultCharset }),
  };
}
