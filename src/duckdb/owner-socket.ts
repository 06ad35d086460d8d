import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, realpath, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { locks } from 'node:worker_threads';
import { SluiceError } from '../errors/error.ts';

/** Shortest limit of a socket's path among the systems Node runs on, less its final zero. */
const MAX_SOCKET_PATH_BYTES = 103;

/** Beside the file, unless that path is too long for a socket. */
const besideFile = (file: string): string | undefined =>
  Buffer.byteLength(`${file}.sock`) <= MAX_SOCKET_PATH_BYTES ? `${file}.sock` : undefined;

/** Sockets of long paths are in a folder of this user among those of everybody. */
const sharedFolder = (): string => join(tmpdir(), `sluice-${process.getuid?.() ?? 'user'}`);

/** Where the owner of a database file listens. */
export function socketPath(file: string): string {
  const hash = createHash('sha256').update(file).digest('hex').slice(0, 16);
  return besideFile(file) ?? join(sharedFolder(), `${hash}.sock`);
}

/**
 * Another user may have made the folder first, to listen there in the owner's name.
 * @throws {SluiceError} `duckdb.io-failed`
 */
export async function refuseForeignFolder(file: string): Promise<void> {
  if (besideFile(file) !== undefined) return;
  const folder = sharedFolder();
  const found = await lstat(folder).catch(ignoreMissing);
  if (!found) return;
  const isOurs = found.isDirectory() && found.uid === process.getuid?.();
  if (isOurs && (found.mode & 0o077) === 0) return;
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
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw ioFailed(`Cannot make the folder ${folder}.`, file, cause);
  });
}

const locked = (file: string): SluiceError =>
  new SluiceError('duckdb.locked', `${file} is open in another worker.`, { facts: { file } });

const ioFailed = (message: string, file: string, cause: unknown): SluiceError =>
  new SluiceError('duckdb.io-failed', message, { cause, facts: { file } });

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Only these say that nobody listens: whom one may not ask, or who is busy, is there.
    probe.once('error', ({ code = '' }: NodeJS.ErrnoException) =>
      resolve(!['ECONNREFUSED', 'ENOENT'].includes(code)),
    );
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  return undefined;
}
