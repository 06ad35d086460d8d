import type { BinlogEvent, CompressedTransaction, EventHeader } from '../../src/binlog/event.ts';
import type { CascadingKey } from '../../src/capture/cascades.ts';
import type {
  EventBytes,
  EventStream,
  ServerHistory,
  Sight,
  SourceServer,
} from '../../src/capture/source-server.ts';
import type { RowValues } from '../../src/change/column-value.ts';
import type { GtidSetText } from '../../src/change/gtid.ts';
import {
  type TableId,
  type TableName,
  type TableSchema,
  tableName,
} from '../../src/change/table.ts';
import type { ErrorCode } from '../../src/errors/catalogue.ts';
import { SluiceError } from '../../src/errors/error.ts';
import type { Chunk, ChunkReader, ChunkRequest } from '../../src/snapshot/chunk-reader.ts';
import { chunkRows } from './chunk-rows.ts';
import { encodedRows } from './encoded-rows.ts';
import { boxed, compressed, countOf, gtidOf, gtidSetOf, SERVER_UUID } from './simulated-log.ts';

const FILE = 'binlog.000001';
const STEP = 1000;

type Row = ReadonlyMap<string, number | null>;

export interface SimulatedTable {
  readonly id: TableId;
  readonly columns: readonly string[];
  /** Names of the key columns; none for a table without a key. */
  readonly key: readonly string[];
  readonly rows: ReadonlyMap<string, Row>;
}

/** Every table as of some place in the log. Values are replaced, never altered. */
type Tables = ReadonlyMap<TableName, SimulatedTable>;

export interface SimulatedRow {
  readonly table: TableName;
  readonly op: 'insert' | 'update' | 'delete';
  readonly before?: Row;
  readonly after?: Row;
}

/** Its end is rolled back to a savepoint behind the first row, or it is prepared and not ended. */
type Fate = 'rolledBack' | 'rolledBackToFirst' | 'preparedXa';

interface Transaction {
  readonly sql?: string;
  /** What becomes of its rows, which are in the log anyhow; it is committed when absent. */
  readonly fate?: Fate;
  readonly rows: readonly SimulatedRow[];
  /** Schemas of the rows' tables then. */
  readonly schemas: ReadonlyMap<TableName, TableSchema>;
  readonly after: Tables;
}

const XID = "X'31',X'',1";
/** Of what {@link SimulatedMysql.prepareXa} has prepared. */
export const XA_COMMIT = `XA COMMIT ${XID}`;

/**
 * A server with any number of tables in one database, in memory. Its log shows a transaction before
 * SELECT does, as on a real server. What a statement does to stored rows is in no row event.
 */
export class SimulatedMysql implements SourceServer, ChunkReader {
  readonly #random: () => number;
  readonly #log: Transaction[] = [];
  #head: Tables = new Map();
  /** Transactions that SELECT and the definitions show. */
  #visible = 0;
  /** Transactions that are in no file of the log any more. */
  #purged = 0;
  #onCommit: (() => void) | undefined;
  /** Tables that the account may not read. */
  readonly hidden = new Set<TableName>();
  /** Tables whose rows cannot be read: code of the failure. */
  readonly broken = new Map<TableName, ErrorCode>();
  /** Tables with something that no type of ours holds: what a look says of it. */
  readonly unreadable = new Map<TableName, Extract<Sight, { kind: 'unreadable' }>>();
  /** Called before a chunk is read, which waits for it. */
  onChunk: (request: ChunkRequest) => Promise<void> | undefined = () => undefined;
  /** Called once a table has been looked at, before what was seen is told, which waits for it. */
  onLook: (id: TableId) => Promise<void> | undefined = () => undefined;
  /** Called between steps of readers: the place where a writer gets to run. */
  tick: () => void = () => undefined;

  /** Whether the next transaction is compressed in the log. */
  compresses: () => boolean = () => false;

  constructor(random: () => number) {
    this.#random = random;
  }

  get tables(): Tables {
    return this.#head;
  }

  get transactions(): number {
    return this.#log.length;
  }

  /** The tables after so many transactions. */
  at(transactions: number): Tables {
    return this.#log[transactions - 1]?.after ?? new Map();
  }

  get logged(): GtidSetText {
    return gtidSetOf(this.#log.length);
  }

  static id(table: string): TableId {
    return { database: 'shop', table };
  }

  /** Rows change, and the log has an event for each. */
  write(rows: readonly SimulatedRow[]): void {
    const tables = new Map(this.#head);
    for (const { table: name, before, after } of rows) {
      const table = tables.get(name);
      if (!table) throw new Error(`no table ${name}`);
      const changed = new Map(table.rows);
      if (before) changed.delete(keyOf(table, before));
      if (after) changed.set(keyOf(table, after), after);
      tables.set(name, { ...table, rows: changed });
    }
    this.#append({ rows, tables });
  }

  /** Rows are in the log and the transaction ends in ROLLBACK: the server has none of them. */
  rollBack(rows: readonly SimulatedRow[]): void {
    this.#append({ rows, fate: 'rolledBack', tables: this.#head });
  }

  /** Rows are in the log, and all but the first are taken back by ROLLBACK TO before the commit. */
  rollBackToFirst([first, ...others]: readonly [SimulatedRow, ...SimulatedRow[]]): void {
    this.write([first]);
    const written = this.#log.pop();
    if (written)
      this.#log.push({ ...written, rows: [first, ...others], fate: 'rolledBackToFirst' });
  }

  /** Rows are in the log, and stored with the statement {@link XA_COMMIT} or not at all. */
  prepareXa(rows: readonly SimulatedRow[]): void {
    this.#append({ rows, fate: 'preparedXa', tables: this.#head });
  }

  /** A statement runs; `tables` are those that it leaves. */
  execute(sql: string, change: (tables: Map<TableName, SimulatedTable>) => void): void {
    const tables = new Map(this.#head);
    change(tables);
    this.#append({ sql, rows: [], tables });
  }

  /** Stored rows change, and no log tells. */
  changeSilently(change: (tables: Map<TableName, SimulatedTable>) => void): void {
    const tables = new Map(this.#head);
    change(tables);
    this.#append({ rows: [], tables });
  }

  #append(entry: {
    readonly sql?: string;
    readonly fate?: Fate;
    readonly rows: readonly SimulatedRow[];
    readonly tables: Tables;
  }): void {
    const { rows, tables, ...how } = entry;
    const after = new Map([...tables].map(([name, table]) => [name, keyed(table)]));
    const schemas = new Map(
      rows.flatMap(({ table }) => {
        const known = this.#head.get(table);
        return known ? [[table, schemaOf(known)] as const] : [];
      }),
    );
    this.#log.push({ ...how, rows, schemas, after });
    this.#head = after;
    this.#onCommit?.();
  }

  /** Everything committed becomes visible. */
  settle(): void {
    this.#visible = this.#log.length;
  }

  /** The log loses everything up to now. */
  purge(): void {
    this.settle();
    this.#purged = this.#log.length;
  }

  get #shown(): Tables {
    return this.#log[this.#visible - 1]?.after ?? new Map();
  }

  history(): Promise<ServerHistory> {
    return Promise.resolve({
      serverUuid: SERVER_UUID,
      version: '9.7.0',
      gtidExecuted: gtidSetOf(this.#visible),
      gtidPurged: gtidSetOf(this.#purged),
      binlogEnd: { file: FILE, pos: this.#log.length * STEP },
      oldestFile: FILE,
      ignoresNameCase: false,
    });
  }

  waitForExecuted(): Promise<void> {
    this.settle();
    return Promise.resolve();
  }

  async executed(): Promise<GtidSetText> {
    await this.#breathe();
    return gtidSetOf(this.#visible);
  }

  /** The caller's patterns are not asked: capture itself decides what it wants of the list. */
  capturedTables(): Promise<readonly { readonly id: TableId; readonly sight: Sight }[]> {
    const all = [...this.#shown.values()];
    return Promise.resolve(
      all.filter(({ id }) => this.wanted(id)).map(({ id }) => ({ id, sight: this.#sight(id) })),
    );
  }

  /** As the configuration of the attempt has it. */
  wanted: (id: TableId) => boolean = () => true;

  cascadingKeys(): Promise<readonly CascadingKey[]> {
    return Promise.resolve(this.cascades);
  }

  /** Foreign keys whose effects {@link changeSilently} has to play. */
  cascades: readonly CascadingKey[] = [];

  async look(id: TableId): Promise<Sight> {
    await this.#breathe();
    const sight = this.#sight(id);
    await this.onLook(id);
    return sight;
  }

  #sight(id: TableId): Sight {
    const name = tableName(id);
    if (this.hidden.has(name)) return { kind: 'hidden' };
    const table = this.#shown.get(name);
    if (!table) return { kind: this.hidden.size > 0 ? 'hidden' : 'gone' };
    const unreadable = this.unreadable.get(name);
    if (unreadable) return unreadable;
    const schema = schemaOf(table);
    return { kind: 'readable', table: { schema, comments: { columns: {} }, estimatedRows: 10 } };
  }

  openStream(after: GtidSetText, signal: AbortSignal): Promise<EventStream> {
    let next = countOf(after);
    const pending: (BinlogEvent | CompressedTransaction)[] = [
      { kind: 'rotate', file: FILE, pos: next * STEP, artificial: true, header: header(0) },
    ];
    const read = async (): Promise<readonly EventBytes[]> => {
      for (;;) {
        await this.#breathe();
        while (next < this.#log.length && pending.length < 40) {
          const events = this.#eventsOf(next);
          pending.push(...(this.compresses() ? compressed(events) : events));
          next += 1;
        }
        if (pending.length > 0) break;
        await this.#nextCommit(signal);
        if (signal.aborted) return await new Promise<never>(() => undefined);
      }
      return pending.splice(0, 1 + Math.floor(this.#random() * 6)).map((event) => boxed(event));
    };
    return Promise.resolve({ read, [Symbol.asyncDispose]: () => Promise.resolve() });
  }

  async #breathe(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.tick();
  }

  #nextCommit(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#onCommit = resolve;
      signal.addEventListener('abort', () => {
        resolve();
      });
      setImmediate(() => {
        this.tick();
      });
    });
  }

  #eventsOf(index: number): readonly BinlogEvent[] {
    const transaction = this.#log[index];
    if (!transaction) return [];
    const base = index * STEP;
    const end = header(base + STEP);
    const gtid = gtidOf(index);
    const head: BinlogEvent = {
      kind: 'gtid',
      gtid,
      committedAtUs: 1_000_000 + 10 * index,
      header: header(base + 1),
    };
    const { sql, rows, schemas } = transaction;
    if (sql !== undefined) return [head, query(sql, end)];
    const changes = rows.map((row, at): BinlogEvent => {
      const schema = schemas.get(row.table);
      if (!schema) throw new Error(`no schema of ${row.table}`);
      const change = { before: valuesOf(schema, row.before), after: valuesOf(schema, row.after) };
      return {
        kind: 'rows',
        op: row.op,
        table: { tableId: 1, id: schema.id, schema },
        endOfStatement: true,
        count: () => 1,
        read: () => [change],
        partial: false,
        encode: (out) => encodedRows(schema, [change], out),
        header: header(base + 2 + at),
      };
    });
    const begin: BinlogEvent = { kind: 'begin', header: header(base + 2) };
    const xid: BinlogEvent = { kind: 'xid', header: end };
    switch (transaction.fate) {
      case 'rolledBack':
        return [head, begin, ...changes, query('ROLLBACK', end)];
      case 'rolledBackToFirst':
        return [
          head,
          begin,
          ...changes.slice(0, 1),
          query('SAVEPOINT `s`', header(base + 10)),
          ...changes.slice(1),
          query('ROLLBACK TO `s`', header(base + STEP - 2)),
          xid,
        ];
      case 'preparedXa':
        return [
          head,
          query(`XA START ${XID}`, header(base + 2)),
          ...changes,
          query(`XA END ${XID}`, header(base + STEP - 2)),
          { kind: 'xaPrepare', onePhase: false, header: end },
        ];
      case undefined:
      default:
        return [head, begin, ...changes, xid];
    }
  }

  /** SELECT sees the barrier, and by chance more. */
  async readChunk(request: ChunkRequest): Promise<Chunk> {
    await this.onChunk(request);
    await this.#breathe();
    const barrier = countOf(request.barrier);
    const may = Math.floor(this.#random() * (this.#log.length - barrier + 1));
    this.#visible = Math.max(this.#visible, barrier + may);
    const name = tableName(request.table);
    const failure = this.hidden.has(name) ? 'mysql.grant-missing' : this.broken.get(name);
    if (failure) throw new SluiceError(failure, `reading ${name} failed`);
    const table = this.#shown.get(name);
    if (!table) throw new SluiceError('snapshot.table-gone', `Table ${name} no longer exists.`);
    const schema = schemaOf(table);
    const after = request.after?.map(Number);
    const rows = [...table.rows.values()]
      .filter((row) => !after || compareKeys(keyNumbers(table, row), after) > 0)
      .sort((a, b) => compareKeys(keyNumbers(table, a), keyNumbers(table, b)));
    const taken = rows.slice(0, request.maxRows);
    const values = taken.map((row) => valuesOf(schema, row) ?? []);
    await this.#breathe();
    const last = taken.at(-1);
    return {
      schema,
      rows: chunkRows(schema, values),
      ...(last ? { lastKey: keyNumbers(table, last).map(String) } : {}),
      complete: taken.length === rows.length,
      high: gtidSetOf(this.#log.length),
      purged: gtidSetOf(this.#purged),
    };
  }

  forget(): void {
    // Definitions are read with every chunk.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const keyNumbers = ({ key }: SimulatedTable, row: Row): readonly number[] =>
  key.map((name) => row.get(name) ?? 0);

/** The table with each row under its key, whatever a statement has made of keys and columns. */
function keyed(table: SimulatedTable): SimulatedTable {
  return {
    ...table,
    rows: new Map([...table.rows.values()].map((row) => [keyOf(table, row), row])),
  };
}

const keyOf = (table: SimulatedTable, row: Row): string =>
  table.key.length === 0 ? JSON.stringify([...row]) : keyNumbers(table, row).join('/');

function compareKeys(a: readonly number[], b: readonly number[]): number {
  return a.reduce((found, value, index) => found || value - (b[index] ?? 0), 0);
}

function schemaOf({ id, columns, key }: SimulatedTable): TableSchema {
  return {
    id,
    columns: columns.map((name) => ({
      name,
      type: { kind: 'integer', bytes: 4, unsigned: false },
      nullable: !key.includes(name),
    })),
    key: key.map((name) => columns.indexOf(name)),
  };
}

function valuesOf(schema: TableSchema, row: Row | undefined): RowValues | undefined {
  return row && schema.columns.map(({ name }) => row.get(name) ?? null);
}

function query(sql: string, at: EventHeader): BinlogEvent {
  return {
    kind: 'query',
    database: 'shop',
    sql,
    sqlMode: 0n,
    explicitDefaultsForTimestamp: undefined,
    threadId: 1,
    header: at,
  };
}

function header(logPos: number): EventHeader {
  return { timestampS: 1, type: 0, serverId: 1, size: 1, logPos, flags: 0 };
}
