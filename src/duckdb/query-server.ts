import type { Socket } from 'node:net';
import { type DuckDBConnection, type DuckDBResult, StatementType } from '@duckdb/node-api';
import type { DuckDbFile } from './database-file.ts';
import { interruptible } from './interruptible.ts';
import { isOutOfMemory } from './memory-share.ts';
import {
  DEFAULT_QUERY_TIMEOUT_MS,
  FRAME_CHARS,
  lineSplitter,
  MAX_QUERY_TIMEOUT_MS,
  MAX_ROW_CHARS,
  type QueryEnd,
  type QueryPart,
  type QueryRequest,
} from './query-protocol.ts';
import { queryValue } from './query-values.ts';

const MAX_REQUEST_CHARS = 1_000_000;
/** Questions of a client that wait for the one before. */
const MAX_WAITING = 16;
/** Each has a connection of DuckDB, a share of the sink's thread, and a frame that it has not taken yet. */
const MAX_CLIENTS = 16;
/** How long a client may stay that asks nothing. */
const IDLE_MS = 60_000;
/** Of the reason why a query is not answered: DuckDB quotes what it was asked. */
const MAX_REASON_CHARS = 4_000;

export interface QueryServer {
  /**
   * Interrupts what is being answered, and resolves when nothing of it runs any more: a thread that
   * ended while DuckDB still works for it would take the whole process with it.
   */
  close(): Promise<void>;
}

export interface QueryLimits {
  readonly clients: number;
  readonly timeoutMs: number;
  readonly idleMs: number;
  readonly rowChars: number;
}

const DEFAULT_LIMITS: QueryLimits = {
  clients: MAX_CLIENTS,
  timeoutMs: MAX_QUERY_TIMEOUT_MS,
  idleMs: IDLE_MS,
  rowChars: MAX_ROW_CHARS,
};

/**
 * Answers questions about a file for as long as it is open. Each client has a connection of its own,
 * so it sees whole commits only, and every statement runs in a read-only transaction. Whatever is
 * asked, the thread goes on: what cannot be answered is an answer that says so.
 */
export function serveQueries(file: DuckDbFile, limits: Partial<QueryLimits> = {}): QueryServer {
  const clients = new Map<Socket, Promise<void>>();
  const bounds = { ...DEFAULT_LIMITS, ...limits };
  let closed = false;
  file.socket.onConnection((socket) => {
    if (closed) {
      socket.destroy();
      return;
    }
    if (clients.size >= bounds.clients) {
      // What it asks is read all the same: a socket closed on unread data may lose the answer.
      socket.resume();
      socket.end(line({ error: `${bounds.clients} clients ask already; try again later` }));
      return;
    }
    const served = new QueryClient(file, socket, bounds)
      .serve()
      .catch(() => socket.destroy())
      .then(() => void clients.delete(socket));
    clients.set(socket, served);
  });
  return {
    async close() {
      closed = true;
      for (const socket of clients.keys()) socket.destroy();
      await Promise.all(clients.values());
    },
  };
}

class QueryClient {
  readonly #file: DuckDbFile;
  readonly #socket: Socket;
  readonly #limits: QueryLimits;
  /** Aborted when the client has gone. */
  readonly #gone = new AbortController();
  #waiting = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(file: DuckDbFile, socket: Socket, limits: QueryLimits) {
    this.#file = file;
    this.#socket = socket;
    this.#limits = limits;
  }

  /** Resolves when the client has gone and DuckDB does nothing for it any more. */
  async serve(): Promise<void> {
    const gone = new Promise<void>((resolve) =>
      this.#socket.once('close', () => {
        this.#gone.abort();
        resolve();
      }),
    );
    const connection = await this.#file.connect();
    let turn = Promise.resolve();
    this.#socket.setEncoding('utf8');
    this.#socket.on(
      'data',
      lineSplitter(MAX_REQUEST_CHARS, (request) => {
        this.#taken();
        turn = turn.then(() => this.#answer(connection, request)).then(() => this.#answered());
      }) as (data: string | Buffer) => void,
    );
    this.#awaitQuestion();
    await gone;
    clearTimeout(this.#idle);
    await turn;
    this.#file.release(connection);
  }

  #taken(): void {
    this.#waiting += 1;
    clearTimeout(this.#idle);
    if (this.#waiting > MAX_WAITING) this.#socket.destroy();
  }

  #answered(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#awaitQuestion();
  }

  #awaitQuestion(): void {
    if (this.#gone.signal.aborted) return;
    this.#idle = setTimeout(() => this.#socket.destroy(), this.#limits.idleMs);
  }

  /** Never rejects. */
  async #answer(connection: DuckDBConnection, text: string | undefined): Promise<void> {
    if (this.#gone.signal.aborted) return;
    const request = parseRequest(text);
    if ('error' in request) {
      this.#socket.write(line(request));
      return;
    }
    const timeoutMs = Math.min(
      request.timeoutMs ?? DEFAULT_QUERY_TIMEOUT_MS,
      this.#limits.timeoutMs,
    );
    const late = AbortSignal.timeout(timeoutMs);
    const ends = AbortSignal.any([late, this.#gone.signal]);
    try {
      const end = await this.#run(connection, request, ends);
      await this.#send({ end }, ends);
    } catch (error) {
      const reason = late.aborted
        ? `it took more than ${timeoutMs / 1000} s; --timeout allows more`
        : reasonOf(error);
      if (this.#socket.writable) this.#socket.write(line({ error: reason }));
    }
  }

  /**
   * The end of the answer is not sent yet: whoever has it may close the file. Rows that were sent
   * cannot be taken back, so a query is repeated with more memory only before the first.
   */
  #run(connection: DuckDBConnection, request: QueryRequest, ends: AbortSignal): Promise<QueryEnd> {
    const frames = new RowFrames((text, end) => this.#write(text, end), this.#limits.rowChars);
    const work = async (recalled: AbortSignal): Promise<QueryEnd> => {
      const end = AbortSignal.any([ends, recalled]);
      try {
        return await interruptible(connection, end, () => select(connection, request, frames, end));
      } catch (error) {
        throw recalled.aborted ? new Error(RECALLED) : error;
      }
    };
    return this.#file.memory.lend(work, ends, () => frames.areUnsent);
  }

  #send(part: QueryPart, end: AbortSignal): Promise<void> {
    return this.#write(line(part), end);
  }

  /** Resolves when the client has taken what was sent before, which bounds what waits here. */
  async #write(text: string, end: AbortSignal): Promise<void> {
    end.throwIfAborted();
    if (this.#socket.write(text)) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        this.#socket.off('drain', settle);
        end.removeEventListener('abort', settle);
        if (end.aborted) reject(end.reason as Error);
        else resolve();
      };
      this.#socket.on('drain', settle);
      end.addEventListener('abort', settle);
    });
  }
}

/**
 * Functions by which a SELECT changes the process: what they log, to a file or to standard output, and
 * when they write, would be those of the sink and of everybody who asks. `query` takes a text.
 */
const ACTING =
  /\b((?:en|dis)able_(?:logging|profil\w*)|write_log|truncate_duckdb_logs|(?:force_)?checkpoint|query)"?(?:\s|\/\*[^]*?\*\/|--[^\n]*\n)*\(/i;

const RECALLED = 'the sink needed the memory that it held, and has it; ask again later';

async function select(
  connection: DuckDBConnection,
  { sql, limit = Number.POSITIVE_INFINITY }: QueryRequest,
  frames: RowFrames,
  end: AbortSignal,
): Promise<QueryEnd> {
  end.throwIfAborted();
  await connection.run('BEGIN TRANSACTION READ ONLY');
  try {
    const statements = await connection.extractStatements(sql);
    if (statements.count !== 1) throw new Error('one statement at a time');
    const prepared = await statements.prepare(0);
    if (prepared.statementType !== StatementType.SELECT)
      throw new Error('only SELECT, WITH, DESCRIBE, SHOW and SUMMARIZE are answered');
    const acting = ACTING.exec(sql)?.[1];
    if (acting !== undefined) throw new Error(`${acting} does more than read, and is not answered`);
    const result = await prepared.stream();
    frames.begin(result.columnNames());
    const truncated = await readRows(result, limit, frames, end);
    // The driver takes a failure behind the first rows for their end: the transaction knows better.
    await connection.run('SELECT 1').catch(() => {
      throw new Error('it failed behind the rows that it gave; the answer is not complete');
    });
    await frames.flush(end);
    return { truncated };
  } finally {
    await connection.run('ROLLBACK').catch(() => undefined);
  }
}

/** @returns whether there are more rows than the limit */
async function readRows(
  result: DuckDBResult,
  limit: number,
  frames: RowFrames,
  end: AbortSignal,
): Promise<boolean> {
  let count = 0;
  for await (const chunk of result)
    for (let index = 0; index < chunk.rowCount; index += 1) {
      if (count === limit) return true;
      await frames.add(JSON.stringify(chunk.convertRowValues(index, queryValue)), end);
      count += 1;
    }
  return false;
}

/** Columns and rows of an answer, put together to frames; a row that is longer than one is its own. */
class RowFrames {
  readonly #write: (text: string, end: AbortSignal) => Promise<void>;
  readonly #rowChars: number;
  #head = '';
  #rows: string[] = [];
  #chars = 0;
  #isSent = false;

  constructor(write: (text: string, end: AbortSignal) => Promise<void>, rowChars: number) {
    this.#write = write;
    this.#rowChars = rowChars;
  }

  /** Nothing has gone to the client, so that all may come anew. */
  get areUnsent(): boolean {
    return !this.#isSent;
  }

  begin(columns: readonly string[]): void {
    this.#head = line({ columns });
    this.#rows = [];
    this.#chars = 0;
  }

  async add(row: string, end: AbortSignal): Promise<void> {
    if (row.length > this.#rowChars) throw new RangeError('too long');
    if (this.#rows.length > 0 && this.#chars + row.length > FRAME_CHARS) await this.flush(end);
    this.#rows.push(row);
    this.#chars += row.length;
  }

  async flush(end: AbortSignal): Promise<void> {
    const rows = this.#rows.length === 0 ? '' : `{"rows":[${this.#rows.join(',')}]}\n`;
    const frame = `${this.#head}${rows}`;
    this.#head = '';
    this.#rows = [];
    this.#chars = 0;
    if (frame === '') return;
    this.#isSent = true;
    await this.#write(frame, end);
  }
}

const line = (part: QueryPart): string => `${JSON.stringify(part)}\n`;

function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return 'a row is too long to be sent; ask for a part of it';
  const message = error instanceof Error ? error.message : 'the query failed';
  const reason =
    message.length <= MAX_REASON_CHARS ? message : `${message.slice(0, MAX_REASON_CHARS)}…`;
  return isOutOfMemory(error)
    ? `${reason}\nmemoryLimitMb of the sink is how much memory there is.`
    : reason;
}

function parseRequest(text: string | undefined): QueryRequest | { readonly error: string } {
  if (text === undefined) return { error: 'the request is too long' };
  const { sql, limit, timeoutMs } = fieldsOf(text);
  if (typeof sql !== 'string') return { error: 'the request has no sql' };
  return {
    sql,
    ...(isCount(limit) ? { limit } : {}),
    ...(isCount(timeoutMs) ? { timeoutMs } : {}),
  };
}

function fieldsOf(text: string): Partial<Record<string, unknown>> {
  try {
    return (JSON.parse(text) ?? {}) as Partial<Record<string, unknown>>;
  } catch {
    return {};
  }
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
