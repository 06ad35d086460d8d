import { createHash } from 'node:crypto';
import { chmod, mkdir, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SluiceError } from '../errors/error.ts';

/** Shortest limit of a socket's path among the systems Node runs on, less its final zero. */
const MAX_SOCKET_PATH_BYTES = 103;

/** Where the owner of a database file listens: beside the file, unless that path is too long for a socket. */
export function socketPath(file: string): string {
  const beside = `${file}.sock`;
  if (Buffer.byteLength(beside) <= MAX_SOCKET_PATH_BYTES) return beside;
  const hash = createHash('sha256').update(file).digest('hex').slice(0, 16);
  return join(tmpdir(), `sluice-${hash}.sock`);
}

/** A Unix socket that only this user can connect to; holding it is owning the file. */
export interface OwnerSocket {
  /** Hands every connection from now on to `serve`; without it they are closed at once. */
  onConnection(serve: (socket: Socket) => void): void;
  close(): Promise<void>;
}

/**
 * Listens for the file in its folder, which is made when it is not there, in place of a socket that a dead process has left behind.
 * @throws {SluiceError} `duckdb.locked` when somebody answers there, `duckdb.io-failed`
 */
export async function claimSocket(file: string): Promise<OwnerSocket> {
  const path = socketPath(file);
  if (await answers(path))
    throw new SluiceError('duckdb.locked', `${file} is open in another worker.`, {
      facts: { file },
    });
  const sockets = new Set<Socket>();
  let serve: (socket: Socket) => void = (socket) => socket.destroy();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  try {
    await mkdir(dirname(file), { recursive: true });
    await unlink(path).catch(ignoreMissing);
    await listen(server, path);
    await chmod(path, 0o600);
  } catch (cause) {
    server.close();
    throw new SluiceError('duckdb.io-failed', `Cannot listen on ${path}.`, {
      cause,
      facts: { file },
    });
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

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
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

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
