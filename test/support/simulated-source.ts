import type { BinlogEvent, EventHeader } from '../../src/binlog/event.ts';
import type {
  EventBytes,
  EventStream,
  ServerHistory,
  Sight,
  SourceServer,
  SourceTable,
} from '../../src/capture/source-server.ts';
import type { RowValues } from '../../src/change/column-value.ts';
import type { GtidSetText } from '../../src/change/gtid.ts';
import { parseGtidSet } from '../../src/change/gtid-set.ts';
import type { TableComments, TableSchema } from '../../src/change/table.ts';
import type { Chunk, ChunkReader, ChunkRequest } from '../../src/snapshot/chunk-reader.ts';
import { chunkRows } from './chunk-rows.ts';
import { encodedRows } from './encoded-rows.ts';
import { boxed, countOf, gtidOf, gtidSetOf, SERVER_UUID } from './simulated-log.ts';

export const ACCOUNTS: TableSchema = {
  id: { database: 'shop', table: 'accounts' },
  columns: [
    { name: 'id', type: { kind: 'integer', bytes: 4, unsigned: false }, nullable: false },
    { name: 'balance', type: { kind: 'integer', bytes: 4, unsigned: false }, nullable: true },
  ],
  key: [0],
};

export interface SimulatedChange {
  readonly op: 'insert' | 'update' | 'delete';
  readonly before: RowValues | undefined;
  readonly after: RowValues | undefined;
}

/**
 * A source with one table and a log, in memory: transactions become visible to SELECT some time
 * after the log shows them, as on a real server (group commit: sync, then engine commit).
 */
export class SimulatedSource implements SourceServer, ChunkReader {
  readonly #log: SimulatedChange[][] = [];
  /** What a statement in the log makes of the comments, by its place. */
  readonly #altered = new Map<number, TableComments>();
  #visibleComments: TableComments = { columns: {} };
  readonly rows = new Map<number, RowValues>();
  /** On the table, as of the end of the log. */
  comments: TableComments = { columns: {} };
  readonly #random: () => number;
  /** Transactions whose rows SELECT can see. */
  #visible = 0;
  #onCommit: (() => void) | undefined;
  /** Called between steps of readers: the place where the writer gets to run. */
  tick: () => void = () => undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  commit(changes: SimulatedChange[]): void {
    this.#log.push(changes);
    this.#onCommit?.();
  }

  /** A DDL statement; the definition shows it when SELECT would. */
  alter(comments: TableComments): void {
    this.comments = comments;
    this.#altered.set(this.#log.length, comments);
    this.commit([]);
  }

  get transactions(): number {
    return this.#log.length;
  }

  #show(upTo: number): void {
    for (; this.#visible < upTo; this.#visible += 1) {
      this.#visibleComments = this.#altered.get(this.#visible) ?? this.#visibleComments;
      for (const change of this.#log[this.#visible] ?? []) {
        if (change.before) this.rows.delete(change.before[0] as number);
        if (change.after) this.rows.set(change.after[0] as number, change.after);
      }
    }
  }

  /** Everything committed becomes visible: the truth to compare with. */
  settle(): ReadonlyMap<number, RowValues> {
    this.#show(this.#log.length);
    return this.rows;
  }

  get logged(): GtidSetText {
    return gtidSetOf(this.#log.length);
  }

  history(): Promise<ServerHistory> {
    return Promise.resolve({
      serverUuid: SERVER_UUID,
      version: '9.7.0',
      gtidExecuted: gtidSetOf(this.#visible),
      gtidPurged: '' as GtidSetText,
      binlogEnd: { file: 'binlog.000001', pos: this.#log.length * 1000 },
      oldestFile: 'binlog.000001',
      ignoresNameCase: false,
    });
  }

  waitForExecuted(): Promise<void> {
    this.#show(this.#log.length);
    return Promise.resolve();
  }

  executed(): Promise<GtidSetText> {
    return Promise.resolve(gtidSetOf(this.#visible));
  }

  capturedTables(): ReturnType<SourceServer['capturedTables']> {
    return Promise.resolve([{ id: ACCOUNTS.id, sight: this.#sight() }]);
  }

  cascadingKeys(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  look(): Promise<Sight> {
    return Promise.resolve(this.#sight());
  }

  #sight(): Sight {
    return { kind: 'readable', table: this.#accounts() };
  }

  #accounts(): SourceTable {
    return { schema: ACCOUNTS, comments: this.#visibleComments, estimatedRows: 10 };
  }

  openStream(after: GtidSetText, signal: AbortSignal): Promise<EventStream> {
    const executed = parseGtidSet(after);
    let next = this.#log.findIndex((_, index) => !executed.contains(gtidOf(index)));
    if (next < 0) next = this.#log.length;
    const pending: BinlogEvent[] = [
      {
        kind: 'rotate',
        file: 'binlog.000001',
        pos: next * 1000,
        artificial: true,
        header: header(0),
      },
    ];
    const read = async (): Promise<readonly EventBytes[]> => {
      for (;;) {
        await breathe();
        this.tick();
        while (next < this.#log.length && pending.length < 40) {
          if (this.#altered.has(next)) pending.push(...statementEvents(next));
          else pending.push(...eventsOf(next, this.#log[next] ?? []));
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

  /** SELECT sees the barrier, and by chance more. */
  async readChunk(request: ChunkRequest): Promise<Chunk> {
    await breathe();
    const barrier = countOf(request.barrier);
    const may = Math.floor(this.#random() * (this.#log.length - barrier + 1));
    this.#show(Math.max(this.#visible, barrier + may));
    const after = request.after?.[0] === undefined ? -1 : Number(request.after[0]);
    const keys = [...this.rows.keys()].filter((key) => key > after).sort((a, b) => a - b);
    const taken = keys.slice(0, request.maxRows);
    const values = taken.map((key) => this.rows.get(key) ?? []);
    await breathe();
    this.tick();
    const last = taken.at(-1);
    return {
      schema: ACCOUNTS,
      rows: chunkRows(ACCOUNTS, values),
      ...(last === undefined ? {} : { lastKey: [String(last)] }),
      complete: taken.length === keys.length,
      high: gtidSetOf(this.#log.length),
      purged: gtidSetOf(0),
    };
  }

  forget(): void {
    // one table, one definition
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Every third transaction was committed before its predecessor, by the clock of its server. */
function committedAtUs(index: number): number {
  return 1_000_000 + 10 * index - (index % 3 === 2 ? 25 : 0);
}

function header(logPos: number): EventHeader {
  return { timestampS: 1, type: 0, serverId: 1, size: 1, logPos, flags: 0 };
}

function statementEvents(index: number): readonly BinlogEvent[] {
  const { database, table } = ACCOUNTS.id;
  const sql = `ALTER TABLE ${table} COMMENT = '…'`;
  const query = {
    database,
    sql,
    sqlMode: 0n,
    explicitDefaultsForTimestamp: undefined,
    threadId: 1,
    header: header(index * 1000 + 1000),
  };
  return [gtidEvent(index), { kind: 'query', ...query }];
}

function gtidEvent(index: number): BinlogEvent {
  const [gtid, time] = [gtidOf(index), committedAtUs(index)];
  return { kind: 'gtid', gtid, committedAtUs: time, header: header(index * 1000 + 1) };
}

function eventsOf(index: number, changes: readonly SimulatedChange[]): readonly BinlogEvent[] {
  const base = index * 1000;
  const table = { tableId: 1, id: ACCOUNTS.id, schema: ACCOUNTS };
  return [
    gtidEvent(index),
    { kind: 'begin', header: header(base + 2) },
    ...changes.map(
      (change, at): BinlogEvent => ({
        kind: 'rows',
        op: change.op,
        table,
        endOfStatement: true,
        count: () => 1,
        read: () => [{ before: change.before, after: change.after }],
        partial: false,
        encode: (out) => encodedRows(ACCOUNTS, [change], out),
        header: header(base + 3 + at),
      }),
    ),
    { kind: 'xid', header: header(base + 1000) },
  ];
}
