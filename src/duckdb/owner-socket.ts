import { createHash } from 'node:crypto';
import { chmod, realpath, unlink } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { locks } from 'node:worker_threads';
import { SluiceError } from '../errors/error.ts';
import {
  answers,
  ignoreMissing,
  isPrivate,
  listen,
  MAX_SOCKET_PATH_BYTES,
  makePrivateFolder,
  privateFolder,
} from './local-socket.ts';

/** Beside the file, unless that path is too long for a socket. */
const besideFile = (file: string): string | undefined =>
  Buffer.byteLength(`${file}.sock`) <= MAX_SOCKET_PATH_BYTES ? `${file}.sock` : undefined;

/** Where the owner of a database file listens. */
export function socketPath(file: string): string {
  const hash = createHash('sha256').update(file).digest('hex').slice(0, 16);
  return besideFile(file) ?? join(privateFolder(), `${hash}.sock`);
}

/**
 * Refuses to listen or to ask where another user may be in the owner's place.
 * @throws {SluiceError} `duckdb.io-failed`
 */
export async function refuseForeignFolder(file: string): Promise<void> {
  if (besideFile(file) !== undefined) return;
  const folder = privateFolder();
  if (await isPrivate(folder)) return;
  throw new SluiceError(
    'duckdb.io-failed',
    `The socket of ${file} would be in ${folder}, which is not a folder of this user that nobody else may use: remove it, or set TMPDIR.`,
    { facts: { file, folder } },
  );
}

/** A Unix socket that only this user can connect to; holding it is owning the file. */
export interface OwnerSocket {
  /** Hands every connection from now on to `serve`; without it they are closed at once. */
  onConnection(serve: (socket: Socket) => void): void;
  close(): Promise<void>;
}

/**
 * Listens for the file in its folder, which is made when it is not there, in place of a socket that a
 * dead process has left behind.
 *
 * Looking whether somebody answers and listening are two steps, so two threads of this process could
 * both get through; a lock of the process lets one of them in. Between processes DuckDB has its own.
 *
 * @throws {SluiceError} `duckdb.locked` when somebody answers there, `duckdb.io-failed`
 */
export async function claimSocket(file: string): Promise<OwnerSocket> {
  await makeFolder(dirname(file), file);
  const release = await lockInProcess(await realName(file));
  if (!release) throw locked(file);
  try {
    const socket = await listenFor(file);
    return {
      ...socket,
      close: () => socket.close().finally(release),
    };
  } catch (error) {
    release();
    throw error;
  }
}

async function listenFor(file: string): Promise<OwnerSocket> {
  const path = socketPath(file);
  await makeFolder(dirname(path), file);
  await refuseForeignFolder(file);
  if (await answers(path)) throw locked(file);
  const sockets = new Set<Socket>();
  let serve: (socket: Socket) => void = (socket) => socket.destroy();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  try {
    await unlink(path).catch(ignoreMissing);
    await listen(server, path);
    await chmod(path, 0o600);
  } catch (cause) {
    server.close();
    throw ioFailed(`Cannot listen on ${path}.`, file, cause);
  }
  return {
    onConnection: (next) => {
      serve = next;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** Lets the lock go; `undefined` when another thread of this process has it. It ends with its thread. */
function lockInProcess(name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    locks
      .request(`sluice ${name}`, { ifAvailable: true }, (lock) => {
        if (lock) return new Promise<void>((release) => resolve(release));
        resolve(undefined);
        return undefined;
      })
      .catch(reject);
  });
}

/** One name for one file, whichever links lead there. */
async function realName(file: string): Promise<string> {
  const real = await realpath(file).catch(ignoreMissing);
  return real ?? join(await realpath(dirname(file)), basename(file));
}

async function makeFolder(folder: string, file: string): Promise<void> {
  await makePrivateFolder(folder).catch((cause: unknown) => {
    throw ioFailed(`Cannot make the folder ${folder}.`, file, cause);
  });
}

const locked = (file: string): SluiceError =>
  new SluiceError('duckdb.locked', `${file} is open in another worker.`, { facts: { file } });

const ioFailed = (message: string, file: string, cause: unknown): SluiceError =>
  new SluiceError('duckdb.io-failed', message, { cause, facts: { file } });
