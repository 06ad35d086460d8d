import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

it('a worker of the demo ends with the process that started it', async () => {
  // It waits for a server that takes the connection and says nothing.
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const connected = once(silent, 'connection');
  const address = ['--address', `127.0.0.1:${port}`];
  const worker = spawn(process.execPath, [resolve('demo/worker-entry.ts'), ...address, 'worker'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const exited = once(worker, 'exit');
  await connected;
  expect(worker.exitCode).toBeNull();

  // What the kernel does for a process that is gone.
  worker.stdin.destroy();
  expect(await exited).toEqual([null, 'SIGKILL']);
  silent.close();
});
