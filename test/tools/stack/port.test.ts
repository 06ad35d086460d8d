import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort, isFree } from '../../../tools/stack/port.ts';

describe('a free port', () => {
  it.skipIf(process.platform !== 'linux')(
    'lies below those the kernel gives to outgoing connections',
    async () => {
      const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
      expect(await freePort()).toBeLessThan(Number.parseInt(range, 10));
    },
  );

  it('is one on which a server can listen', async () => {
    const server = createServer().listen(await freePort(), '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
  });
});

describe('a port on which somebody listens', () => {
  it('is not free until that server is closed', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await isFree(port)).toBe(false);
    const patient = isFree(port, 5_000);
    server.close();
    expect(await patient).toBe(true);
  });
});
