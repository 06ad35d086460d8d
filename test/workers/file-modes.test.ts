import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

it.skipIf(process.platform !== 'linux')(
  'a worker writes nothing that other users may read',
  async () => {
    // It waits for a server that takes the connection and says nothing.
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const connected = once(silent, 'connection');
    const words = ['--address', `127.0.0.1:${port}`, 'worker'];
    const worker = spawn(process.execPath, [resolve('src/cli/main.ts'), ...words], {
      stdio: 'ignore',
    });
    await connected;
    expect(readFileSync(`/proc/${worker.pid}/status`, 'utf8')).toMatch(/^Umask:\s+0077$/m);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    silent.close();
  },
);
