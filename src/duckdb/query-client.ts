import { createConnection, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { SluiceError } from '../errors/error.ts';
import { refuseForeignFolder, socketPath } from './owner-socket.ts';
import {
  FRAME_CHARS,
  linesOf,
  MAX_ROW_CHARS,
  type QueryAnswer,
  type QueryPart,
  type QueryRequest,
  type QueryRow,
} from './query-protocol.ts';

type AnswerPart = Exclude<QueryPart, { error: string }>;

/**
 * Asks the process that owns a DuckDB file. The answer comes as fast as it is taken; whoever stops
 * taking it ends the query.
 *
 * @throws {SluiceError} `query.no-worker` | `query.refused` | `duckdb.io-failed`, where the socket may be another user's
 */
export async function* streamQuery(
  file: string,
  request: QueryRequest,
  signal?: AbortSignal,
): AsyncGenerator<AnswerPart, void, undefined> {
  signal?.throwIfAborted();
  const path = resolve(file);
  await refuseForeignFolder(path);
  const socket = createConnection(socketPath(path));
  const abort = (): void => void socket.destroy();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    for await (const part of partsFrom(socket, path)) {
      yield part;
      if ('end' in part) return;
    }
    throw noWorker(path);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
    socket.destroy();
  }
}

/** All of an answer, for one whose `limit` bounds it. */
export async function queryWarehouse(
  file: string,
  request: QueryRequest,
  signal?: AbortSignal,
): Promise<QueryAnswer> {
  let columns: readonly string[] = [];
  const rows: QueryRow[] = [];
  let truncated = false;
  for await (const part of streamQuery(file, request, signal)) {
    if ('columns' in part) columns = part.columns;
    else if ('end' in part) truncated = part.end.truncated;
    else for (const row of part.rows) rows.push(row);
  }
  return { columns, rows, truncated };
}

async function* partsFrom(socket: Socket, path: string): AsyncGenerator<AnswerPart> {
  socket.setEncoding('utf8');
  try {
    for await (const line of linesOf(socket, MAX_ROW_CHARS + FRAME_CHARS)) yield partOf(line);
  } catch (cause) {
    throw cause instanceof SluiceError ? cause : noWorker(path, cause);
  }
}

function partOf(line: string | undefined): AnswerPart {
  const part = line === undefined ? undefined : (JSON.parse(line) as QueryPart);
  if (part && !('error' in part)) return part;
  const reason = part?.error ?? 'it has a row that is too long';
  throw new SluiceError('query.refused', `The query was not answered: ${reason}`);
}

function noWorker(file: string, cause?: unknown): SluiceError {
  return new SluiceError('query.no-worker', `No worker that has ${file} open answers.`, {
    ...(cause === undefined ? {} : { cause }),
    facts: { file },
  });
}
