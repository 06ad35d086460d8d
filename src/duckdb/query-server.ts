import type { Socket } from 'node:net';
import { type DuckDBConnection, type DuckDBResult, StatementType } from '@duckdb/node-api';
import type { DuckDbFile } from './database-file.ts';
import { isOutOfMemory } from './memory-share.ts';
import {
  DEFAULT_QUERY_ROWS,
  lineSplitter,
  MAX_ANSWER_CHARS,
  type QueryPart,
  type QueryRequest,
} from './query-protocol.ts';
import { queryValue } from './query-values.ts';

const MAX_REQUEST_CHARS = 1_000_000;
const INTERRUPT_INTERVAL_MS = 20;
/** Each has a connection of DuckDB and a share of the sink's thread. */
const MAX_CLIENTS = 32;
/** An open transaction keeps DuckDB from giving up what it shows; a person has gone home by then. */
const DEADLINE_MS = 600_000;
/** Rows are sent when they are as long together, so that none waits for one that is slow to come. */
const PART_CHARS = 1 << 20;

export interface QueryServer {
  /**
   * Interrupts what is being answered, and resolves when nothing of it runs any more: a thread that
   * ended while DuckDB still works for it would take the whole process with it.
   */
  close(): Promise<void>;
}

export interface QueryLimits {
  readonly clients: number;
  readonly deadlineMs: number;
  readonly answerChars: number;
}

const DEFAULT_LIMITS: QueryLimits = {
  clients: MAX_CLIENTS,
  deadlineMs: DEADLINE_MS,
  answerChars: MAX_ANSWER_CHARS,
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

type AnswerEnd = Extract<QueryPart, { end: unknown }>['end'];

class QueryClient {
  readonly #file: DuckDbFile;
  readonly #socket: Socket;
  readonly #limits: QueryLimits;
  /** Aborted when the client has gone. */
  readonly #gone = new AbortController();

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
        turn = turn.then(() => this.#answer(connection, request));
      }) as (data: string | Buffer) => void,
    );
    await gone;
    await turn;
    this.#file.release(connection);
  }

  async #answer(connection: DuckDBConnection, request: string | undefined): Promise<void> {
    if (this.#gone.signal.aborted) return;
    const late = AbortSignal.timeout(this.#limits.deadlineMs);
    const end = AbortSignal.any([late, this.#gone.signal]);
    // An interrupt that falls between two statements is lost.
    const insist = setInterval(() => {
      if (end.aborted) connection.interrupt();
    }, INTERRUPT_INTERVAL_MS);
    try {
      const parsed = parseRequest(request);
      const rest = await this.#file.memory.enough(() => this.#run(connection, parsed, end));
      await this.#send({ end: rest }, end);
    } catch (error) {
      const reason = late.aborted
        ? `it took more than ${this.#limits.deadlineMs / 1000} s`
        : reasonOf(error);
      if (this.#socket.writable) this.#socket.write(line({ error: reason }));
    } finally {
      clearInterval(insist);
    }
  }

  /** The end of the answer is not sent yet: whoever has it may close the file. */
  async #run(
    connection: DuckDBConnection,
    { sql, limit }: QueryRequest,
    end: AbortSignal,
  ): Promise<AnswerEnd> {
    await connection.run('BEGIN TRANSACTION READ ONLY');
    try {
      const statements = await connection.extractStatements(sql);
      if (statements.count !== 1) throw new Error('one statement at a time');
      const prepared = await statements.prepare(0);
      if (prepared.statementType !== StatementType.SELECT)
        throw new Error('only SELECT, WITH, DESCRIBE, SHOW and SUMMARIZE are answered');
      const result = await prepared.stream();
      await this.#send({ columns: result.columnNames() }, end);
      return await this.#sendRows(result, limit, end);
    } finally {
      await connection.run('ROLLBACK').catch(() => undefined);
    }
  }

  async #sendRows(result: DuckDBResult, limit: number, end: AbortSignal): Promise<AnswerEnd> {
    let count = 0;
    let answered = 0;
    let part: string[] = [];
    let partChars = 0;
    const flush = async (): Promise<void> => {
      if (part.length > 0) await this.#write(`{"rows":[${part.join(',')}]}\n`, end);
      part = [];
      partChars = 0;
    };
    for await (const chunk of result) {
      for (let index = 0; index < chunk.rowCount; index += 1) {
        if (count === limit) {
          await flush();
          return { truncated: true };
        }
        const row = JSON.stringify(chunk.convertRowValues(index, queryValue));
        if (answered + row.length > this.#limits.answerChars) {
          await flush();
          return { truncated: true, isFull: true };
        }
        if (partChars + row.length > PART_CHARS) await flush();
        part.push(row);
        partChars += row.length;
        answered += row.length;
        count += 1;
      }
    }
    await flush();
    return { truncated: false };
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

const line = (part: QueryPart): string => `${JSON.stringify(part)}\n`;

function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return 'a row is too long to be sent; ask for a part of it';
  const message = error instanceof Error ? error.message : 'the query failed';
  return isOutOfMemory(error)
    ? `${message}\nmemoryLimitMb of the sink is how much memory there is.`
    : message;
}

function parseRequest(text: string | undefined): QueryRequest {
  if (text === undefined) throw new Error('the request is too long');
  const { sql, limit } = JSON.parse(text) as Partial<Record<string, unknown>>;
  if (typeof sql !== 'string') throw new Error('the request has no sql');
  const whole = typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= 0;
  return { sql, limit: whole ? limit : DEFAULT_QUERY_ROWS };
}
