import { lstat, mkdir } from 'node:fs/promises';
import { createConnection, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Shortest limit of a socket's path among the systems Node runs on, less its final zero. */
export const MAX_SOCKET_PATH_BYTES = 103;

/** Folder of this user among those of everybody, for sockets that have no other place. */
export const privateFolder = (): string => join(tmpdir(), `sluice-${process.getuid?.() ?? 'user'}`);

/**
 * Whether nobody else can use {@link privateFolder}; also when it is not there yet. Another user may
 * have made it first, to listen there in this one's name.
 */
export async function isPrivate(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(ignoreMissing);
  if (!found) return true;
  const isOurs = found.isDirectory() && found.uid === process.getuid?.();
  return isOurs && (found.mode & 0o077) === 0;
}

export async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
}

/** Whether a process listens on a socket, or may: whom one may not ask, or who is busy, is there. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Only these say that nobody listens.
    probe.once('error', ({ code = '' }: NodeJS.ErrnoException) =>
      resolve(!['ECONNREFUSED', 'ENOENT'].includes(code)),
    );
  });
}

export function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

export function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  return undefined;
}
