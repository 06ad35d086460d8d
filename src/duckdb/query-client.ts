import { createConnection } from 'node:net';
import { resolve } from 'node:path';
import { SluiceError } from '../errors/error.ts';
import { socketPath } from './owner-socket.ts';
import {
  lineSplitter,
  type QueryAnswer,
  type QueryRequest,
  type QueryResponse,
} from './query-protocol.ts';

/** An answer holds all its rows in one line. */
const MAX_ANSWER_CHARS = 256 * 1024 * 1024;

/**
 * Asks the process that owns a DuckDB file.
 * @throws {SluiceError} `query.no-worker` | `query.refused`
 */
export async function queryWarehouse(
  file: string,
  request: QueryRequest,
  signal?: AbortSignal,
): Promise<QueryAnswer> {
  const path = resolve(file);
  const response = await ask(path, request, signal);
  if ('error' in response)
    throw new SluiceError('query.refused', `The query was not answered: ${response.error}`);
  return response;
}

function ask(
  file: string,
  request: QueryRequest,
  signal: AbortSignal | undefined,
): Promise<QueryResponse> {
  return new Promise((settle, reject) => {
    const socket = createConnection(socketPath(file));
    const abort = (): void => {
      socket.destroy();
      reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', abort, { once: true });
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on(
      'data',
      lineSplitter(MAX_ANSWER_CHARS, (line) => {
        if (line !== undefined) settle(JSON.parse(line) as QueryResponse);
        socket.destroy();
      }) as (data: string | Buffer) => void,
    );
    socket.on('error', (cause) => reject(noWorker(file, cause)));
    socket.on('close', () => {
      signal?.removeEventListener('abort', abort);
      reject(noWorker(file));
    });
  });
}

function noWorker(file: string, cause?: unknown): SluiceError {
  return new SluiceError('query.no-worker', `No worker that has ${file} open answers.`, {
    ...(cause === undefined ? {} : { cause }),
    facts: { file },
  });
}
