import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const LOWEST = 20_000;
const POLL_MS = 50;

/**
 * A free loopback port below the range from which the kernel takes ports for outgoing connections.
 *
 * A server of ours is stopped and started again on its port. Were the port in that range, a client
 * that keeps trying to reconnect would sooner or later be given it as its own source port, connect
 * to itself and keep the server from coming back.
 */
export async function freePort(taken: readonly number[] = []): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, firstOutgoingPort());
    if (!taken.includes(port) && (await isFree(port))) return port;
  }
}

/**
 * True when nobody listens on the port. A process that was just killed may hold it a moment longer,
 * so a port in use is asked for again for up to `patienceMs`.
 */
export async function isFree(port: number, patienceMs = 0): Promise<boolean> {
  const deadlineMs = Date.now() + patienceMs;
  while (!(await canListen(port))) {
    if (Date.now() >= deadlineMs) return false;
    await delay(POLL_MS);
  }
  return true;
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

function firstOutgoingPort(): number {
  try {
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
    return Math.max(Number.parseInt(range, 10), LOWEST + 1_000);
  } catch {
    return 32_768;
  }
}
