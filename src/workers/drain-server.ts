import { chmod, readdir, unlink } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import {
  answers,
  ignoreMissing,
  isPrivate,
  listen,
  makePrivateFolder,
  privateFolder,
} from '../duckdb/local-socket.ts';
import { lineSplitter } from '../duckdb/query-protocol.ts';
import { judgeFailure } from '../errors/policy.ts';
import type { DrainEnd, DrainOptions } from './drain.ts';
import {
  type DrainPart,
  type DrainRequest,
  listenerOf,
  MAX_REQUEST_CHARS,
  type WorkerPlace,
  workerSocket,
} from './drain-protocol.ts';

/**
 * Listens for somebody of this user and machine who wants the worker to hand its work over, one at a
 * time. Closing ends the connections.
 *
 * @throws {Error} when nothing can be listened to: the worker works all the same
 */
export async function serveDrain(
  place: WorkerPlace,
  drain: (options: DrainOptions) => Promise<DrainEnd>,
): Promise<AsyncDisposable> {
  const folder = privateFolder();
  await makePrivateFolder(folder);
  if (!(await isPrivate(folder)))
    throw new Error(`${folder} is not a folder of this user that nobody else may use`);
  await sweep(place, folder);
  const sockets = new Set<Socket>();
  let isBusy = false;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    const isFirst = lineSplitter(MAX_REQUEST_CHARS, (text) => {
      if (!isRequest(text)) socket.end(line({ error: 'the request is not understood' }));
      else if (isBusy) socket.end(line({ error: 'somebody else has it drained already' }));
      else {
        isBusy = true;
        void answer(socket, parsed(text), drain).finally(() => {
          isBusy = false;
        });
      }
    });
    socket.setEncoding('utf8').on('data', isFirst as (data: string | Buffer) => void);
  });
  const path = workerSocket(place, process.pid);
  // A process of this id has ended: this is it now.
  await unlink(path).catch(ignoreMissing);
  await listen(server, path);
  await chmod(path, 0o600);
  return {
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Never rejects. A worker that has nothing left leaves the connection open until it ends. */
async function answer(
  socket: Socket,
  { drain: { force } }: DrainRequest,
  drain: (options: DrainOptions) => Promise<DrainEnd>,
): Promise<void> {
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  try {
    const onStep: DrainOptions['onStep'] = (step) => void socket.write(line({ step }));
    const end = await drain({ force, signal: gone.signal, onStep });
    if (end.isEmpty) socket.write(line({ end }));
    else socket.end(line({ end }));
  } catch (error) {
    socket.end(line({ error: judgeFailure(error).message }));
  }
}

/** Removes what processes have left behind that were killed. */
async function sweep(place: WorkerPlace, folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = listenerOf(place, name);
    if (pid === undefined) continue;
    const path = workerSocket(place, pid);
    if (!(await answers(path))) await unlink(path).catch(ignoreMissing);
  }
}

const line = (part: DrainPart): string => `${JSON.stringify(part)}\n`;

function isRequest(text: string | undefined): text is string {
  try {
    const request = JSON.parse(text ?? '') as Partial<DrainRequest> | null;
    return typeof request?.drain?.force === 'boolean';
  } catch {
    return false;
  }
}

const parsed = (text: string): DrainRequest => JSON.parse(text) as DrainRequest;
