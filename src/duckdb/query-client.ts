import { createConnection } from 'node:net';
import { resolve } from 'node:path';
import { SluiceError } from '../errors/error.ts';
import { refuseForeignFolder, socketPath } from './owner-socket.ts';
import {
  lineSplitter,
  MAX_ANSWER_CHARS,
  type QueryAnswer,
  type QueryPart,
  type QueryRequest,
} from './query-protocol.ts';

/**
 * Asks the process that owns a DuckDB file.
 * @throws {SluiceError} `query.no-worker` | `query.refused` | `duckdb.io-failed`, where the socket may be another user's
 */
export async function queryWarehouse(
  file: string,
  request: QueryRequest,
  signal?: AbortSignal,
): Promise<QueryAnswer> {
  const path = resolve(file);
  await refuseForeignFolder(path);
  return new Promise((settle, reject) => {
    const socket = createConnection(socketPath(path));
    const abort = (): void => {
      socket.destroy();
      reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', abort, { once: true });
    const take = answerReader(settle, reject);
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on(
      'data',
      // A line holds some rows, or a single one that may be all of the answer.
      lineSplitter(2 * MAX_ANSWER_CHARS, (line) => {
        if (line === undefined || take(JSON.parse(line) as QueryPart)) socket.destroy();
      }) as (data: string | Buffer) => void,
    );
    socket.on('error', (cause) => reject(noWorker(path, cause)));
    socket.on('close', () => {
      signal?.removeEventListener('abort', abort);
      reject(noWorker(path));
    });
  });
}

/** Puts the parts of an answer together; true when it is complete. */
function answerReader(
  settle: (answer: QueryAnswer) => void,
  reject: (error: SluiceError) => void,
): (part: QueryPart) => boolean {
  let columns: readonly string[] = [];
  let rows: (readonly unknown[])[] = [];
  return (part) => {
    if ('columns' in part) {
      columns = part.columns;
      rows = [];
      return false;
    }
    if ('rows' in part) {
      for (const row of part.rows) rows.push(row);
      return false;
    }
    if ('error' in part)
      reject(new SluiceError('query.refused', `The query was not answered: ${part.error}`));
    else settle({ columns, rows, ...part.end });
    return true;
  };
}

function noWorker(file: string, cause?: unknown): SluiceError {
  return new SluiceError('query.no-worker', `No worker that has ${file} open answers.`, {
    ...(cause === undefined ? {} : { cause }),
    facts: { file },
  });
}
