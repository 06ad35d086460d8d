import type { Socket } from 'node:net';
import { type DuckDBConnection, StatementType } from '@duckdb/node-api';
import type { DuckDbFile } from './database-file.ts';
import {
  DEFAULT_QUERY_ROWS,
  lineSplitter,
  type QueryAnswer,
  type QueryRequest,
  type QueryResponse,
} from './query-protocol.ts';

const MAX_REQUEST_CHARS = 1_000_000;
const INTERRUPT_INTERVAL_MS = 20;

export interface QueryServer {
  /**
   * Interrupts what is being answered, and resolves when nothing of it runs any more: a thread that
   * ended while DuckDB still works for it would take the whole process with it.
   */
  close(): Promise<void>;
}

/**
 * Answers questions about a file for as long as it is open. Each client has a connection of its own,
 * so it sees whole commits only, and every statement runs in a read-only transaction.
 */
export function serveQueries(file: DuckDbFile): QueryServer {
  const clients = new Map<Socket, Promise<void>>();
  let closed = false;
  file.socket.onConnection((socket) => {
    if (closed) {
      socket.destroy();
      return;
    }
    const served = serveClient(file, socket)
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

/** Resolves when the client has gone and DuckDB does nothing for it any more. */
async function serveClient(file: DuckDbFile, socket: Socket): Promise<void> {
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const connection = await file.connect();
  let turn = Promise.resolve();
  let busy = 0;
  const answer = async (line: string | undefined): Promise<void> => {
    if (socket.destroyed) return;
    const response = await respond(connection, line);
    if (socket.writable) socket.write(`${JSON.stringify(response)}\n`);
  };
  socket.setEncoding('utf8');
  socket.on(
    'data',
    lineSplitter(MAX_REQUEST_CHARS, (line) => {
      busy += 1;
      turn = turn.then(() => answer(line)).finally(() => (busy -= 1));
    }) as (data: string | Buffer) => void,
  );
  await gone;
  // One that falls between two statements is lost.
  const insist = setInterval(() => {
    if (busy > 0) connection.interrupt();
  }, INTERRUPT_INTERVAL_MS);
  await turn.catch(() => undefined);
  clearInterval(insist);
  file.release(connection);
}

async function respond(
  connection: DuckDBConnection,
  line: string | undefined,
): Promise<QueryResponse> {
  try {
    return await run(connection, parseRequest(line));
  } catch (error) {
    return { error: error instanceof Error ? error.message : 'the query failed' };
  }
}

function parseRequest(line: string | undefined): QueryRequest {
  if (line === undefined) throw new Error('the request is too long');
  const { sql, limit } = JSON.parse(line) as Partial<Record<string, unknown>>;
  if (typeof sql !== 'string') throw new Error('the request has no sql');
  const whole = typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= 0;
  return { sql, limit: whole ? limit : DEFAULT_QUERY_ROWS };
}

async function run(
  connection: DuckDBConnection,
  { sql, limit }: QueryRequest,
): Promise<QueryAnswer> {
  await connection.run('BEGIN TRANSACTION READ ONLY');
  try {
    const statements = await connection.extractStatements(sql);
    if (statements.count !== 1) throw new Error('one statement at a time');
    const prepared = await statements.prepare(0);
    if (prepared.statementType !== StatementType.SELECT)
      throw new Error('only SELECT, WITH, DESCRIBE, SHOW and SUMMARIZE are answered');
    const reader = await prepared.streamAndReadUntil(limit + 1);
    const rows = reader.getRowsJson();
    return {
      columns: reader.columnNames(),
      rows: rows.slice(0, limit),
      truncated: rows.length > limit,
    };
  } finally {
    await connection.run('ROLLBACK').catch(() => undefined);
  }
}
