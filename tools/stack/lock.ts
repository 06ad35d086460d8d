import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Holds a machine-wide lock of this name until disposed.
 *
 * The lock is a listening Unix socket in Linux's abstract namespace: the kernel frees it when its
 * process ends however it ends, so that no stale lock can exist, and who waits is woken by the
 * connection closing. Elsewhere nothing is locked: only containers run there, and their engine
 * puts commands on one project in order itself.
 */
export async function holdLock(name: string, onWait: () => void): Promise<AsyncDisposable> {
  if (process.platform !== 'linux') return { [Symbol.asyncDispose]: async () => undefined };
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 32);
  const path = `\0sluice-${process.getuid?.() ?? 0}-${digest}`;
  for (;;) {
    const lock = await tryListen(path);
    if (lock !== undefined) return lock;
    onWait();
    await waitForRelease(path);
  }
}

async function tryListen(path: string): Promise<AsyncDisposable | undefined> {
  const waiting = new Set<Socket>();
  const server: Server = createServer((socket) => {
    waiting.add(socket);
    socket.on('error', () => socket.destroy());
  });
  server.listen(path);
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of waiting) socket.destroy();
      await closed;
    },
  };
}

/** Any end of the connection, a reset or refusal too, means that the lock may be free. */
async function waitForRelease(path: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(path);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => resolve());
  socket.resume();
  await promise;
}
