import { cancellable } from '../async/abort.ts';
import type { InvalidTextRule } from '../change/row-settings.ts';
import { type TableId, type TableName, tableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { Chunk, ChunkReader, ChunkRequest } from '../snapshot/chunk-reader.ts';
import { schemaIdOf } from '../topic/schema-record.ts';
import { ChunkBytes } from './chunk-bytes.ts';
import { type ChunkQuery, chunkQuery } from './chunk-query.ts';
import type { MysqlSession, RawRow } from './connection.ts';
import { errorNumberOf } from './failure.ts';
import { oneTable, readTables, tellDefinitions } from './information-schema.ts';
import type { OneServer } from './one-server.ts';
import { executedWithin, readExecuted } from './server-status.ts';

export interface ChunkReaderSettings {
  /** How long transactions the stream has shown may take to become visible. */
  readonly barrierTimeoutMs?: number;
  /** Of each table; `stop` when absent. */
  readonly invalidText?: (table: TableId) => InvalidTextRule;
}

const BARRIER_TIMEOUT_MS = 60_000;

/**
 * What values and order of rows depend on, whatever the server's defaults are: a consistent view per
 * statement, dates as they are stored, CHAR without its padding.
 */
const SESSION: Readonly<Record<string, string>> = {
  'SESSION autocommit': '1',
  'SESSION transaction_isolation': "'REPEATABLE-READ'",
  'SESSION sql_mode': "'ALLOW_INVALID_DATES'",
};

const NO_SUCH_TABLE = 1146;
const NO_SUCH_DATABASE = 1049;
/** The definition at hand is not the table's any more: unknown column, changed since. */
const DEFINITION_CHANGED: ReadonlySet<number> = new Set([1054, 1176, 1412]);
const DEFINITION_ATTEMPTS = 3;

/** What is remembered of a table between its chunks. */
interface KnownTable {
  readonly query: ChunkQuery;
  /** Bytes a row had on average: by the statistics and its names at first, then in the last chunk. */
  averageRowBytes: number;
}

/**
 * Reads chunks over one connection to the server that is streamed.
 *
 * Barrier, SELECT and the set of what was executed follow one another on that connection. A read that
 * is cut or cancelled costs the connection; the next one makes a new one, to the same server.
 */
export class MysqlChunkReader implements ChunkReader {
  readonly #server: OneServer;
  readonly #barrierTimeoutMs: number;
  readonly #invalidText: ChunkReaderSettings['invalidText'];
  readonly #closing = new AbortController();
  readonly #tables = new Map<TableName, KnownTable>();
  /** Counts `forget`: a definition of a read that began before is not kept after. */
  #forgotten = 0;
  #session: MysqlSession | undefined;
  #rows = new ChunkBytes();

  constructor(server: OneServer, settings: ChunkReaderSettings = {}) {
    this.#server = server;
    this.#barrierTimeoutMs = settings.barrierTimeoutMs ?? BARRIER_TIMEOUT_MS;
    this.#invalidText = settings.invalidText;
  }

  async readChunk(request: ChunkRequest, signal: AbortSignal): Promise<Chunk> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const cancel = (): void => this.#session?.destroy();
    // What is forgotten from here on was asked for too early, however long the barrier takes.
    const forgotten = this.#forgotten;
    return cancellable(either, cancel, async () => {
      await this.#passBarrier(request, either);
      return this.#readKnown(request, forgotten, either);
    });
  }

  forget(table: TableName): void {
    this.#forgotten += 1;
    this.#tables.delete(table);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#session?.[Symbol.asyncDispose]();
    this.#session = undefined;
  }

  async #connected(signal: AbortSignal): Promise<MysqlSession> {
    if (this.#session?.usable) return this.#session;
    const session = await this.#server.connect(SESSION, signal);
    this.#session = session;
    await tellDefinitions(session);
    return session;
  }

  /** The log shows a transaction before SELECT does: what the stream has handed out must be visible first. */
  async #passBarrier({ barrier, table }: ChunkRequest, signal: AbortSignal): Promise<void> {
    const session = await this.#connected(signal);
    if (await executedWithin(session, barrier, this.#barrierTimeoutMs)) return;
    throw new SluiceError(
      'snapshot.barrier-timeout',
      `Before reading ${tableName(table)}: ${session.server} has not executed what its log has shown within ${this.#barrierTimeoutMs} ms.`,
      { facts: { table: tableName(table), timeoutMs: this.#barrierTimeoutMs } },
    );
  }

  async #readKnown(request: ChunkRequest, forgotten: number, signal: AbortSignal): Promise<Chunk> {
    for (let attempt = 1; ; attempt += 1) {
      const known = await this.#known(request.table, forgotten + attempt - 1, signal);
      try {
        return await this.#read(request, known, signal);
      } catch (error) {
        this.forget(tableName(request.table));
        const errno = errorNumberOf(error);
        if (errno === NO_SUCH_TABLE || errno === NO_SUCH_DATABASE) throw tableGone(request.table);
        if (attempt === DEFINITION_ATTEMPTS) throw error;
        if (!(await this.#isRedefined(request.table, known, error, signal))) throw error;
      }
    }
  }

  /** Whether a read failed because the definition it went by is not the table's any more. */
  async #isRedefined(
    id: TableId,
    { query }: KnownTable,
    error: unknown,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (DEFINITION_CHANGED.has(errorNumberOf(error))) return true;
    if (error instanceof SluiceError && error.code.startsWith('mysql.')) return false;
    // A value could not be read: its column may have another type by now.
    const [table] = await readTables(await this.#connected(signal), oneTable(id));
    return table !== undefined && schemaIdOf(table.schema) !== schemaIdOf(query.schema);
  }

  /** @param forgotten  count of `forget` before which what is asked for now may be kept */
  async #known(id: TableId, forgotten: number, signal: AbortSignal): Promise<KnownTable> {
    const known = this.#tables.get(tableName(id));
    if (known) return known;
    const [table] = await readTables(await this.#connected(signal), oneTable(id));
    if (!table) throw tableGone(id);
    const query = chunkQuery(table.schema, this.#invalidText?.(id));
    const { averageRowBytes } = table;
    const read = {
      query,
      averageRowBytes: averageRowBytes > 0 ? averageRowBytes + query.writer.nameBytes : 0,
    };
    if (forgotten === this.#forgotten) this.#tables.set(tableName(id), read);
    return read;
  }

  async #read(request: ChunkRequest, known: KnownTable, signal: AbortSignal): Promise<Chunk> {
    const { query } = known;
    const limit = rowLimit(request, known.averageRowBytes);
    const session = await this.#connected(signal);
    const doing = `reading table ${tableName(request.table)}`;
    const rows = this.#rows;
    rows.clear(limit);
    let last: RawRow | undefined;
    // The row that passes the size limit is the last.
    const whole = await session.rows(query.sql(request.after, limit), doing, (row) => {
      if (rows.bytes >= request.maxBytes) return false;
      rows.add(row, query.writer);
      last = row;
      return true;
    });
    // After the SELECT, on whichever connection.
    const { executed, purged } = await readExecuted(await this.#connected(signal));
    if (rows.length > 0) known.averageRowBytes = rows.bytes / rows.length;
    const complete = whole && rows.length < limit;
    // A table that has been read leaves no buffer behind.
    if (complete) this.#rows = new ChunkBytes();
    return {
      schema: query.schema,
      rows,
      ...(last ? { lastKey: query.keyOf(last) } : {}),
      complete,
      high: executed,
      purged,
    };
  }
}

/** So many rows that their expected size stays within the limit; the hard limit is kept while they arrive. */
function rowLimit({ maxRows, maxBytes }: ChunkRequest, averageRowBytes: number): number {
  if (averageRowBytes <= 0) return maxRows;
  return Math.max(1, Math.min(maxRows, Math.floor(maxBytes / averageRowBytes)));
}

function tableGone(id: TableId): SluiceError {
  return new SluiceError('snapshot.table-gone', `Table ${tableName(id)} no longer exists.`, {
    facts: { table: tableName(id) },
  });
}
