import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Meter } from './meter.ts';

export interface Health {
  readonly ok: boolean;
  /** Part → what it says about itself; shown as JSON. */
  readonly parts: Readonly<Record<string, string>>;
}

export interface HttpServerOptions {
  readonly meter: Meter;
  readonly health: () => Health;
  /** Brings up to date what is computed only when somebody asks. Does not throw. */
  readonly refresh: () => Promise<void>;
  /** Loopback unless said otherwise: metrics name tables. */
  readonly host?: string;
  /** 0 takes a free port. */
  readonly port: number;
}

export interface HttpServer extends AsyncDisposable {
  /** `http://host:port` as it listens. */
  readonly url: string;
}

/**
 * Serves `/metrics` (Prometheus text) and `/healthz` (200 or 503 with JSON). Resolves when it
 * listens; closing ends open connections.
 */
export async function startHttpServer({
  meter,
  health,
  refresh,
  host = '127.0.0.1',
  port,
}: HttpServerOptions): Promise<HttpServer> {
  const server = createServer((request, response) => {
    answer(request, response, { meter, health, refresh }).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const bound = server.address() as AddressInfo;
  const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return {
    url: `http://${name}:${bound.port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { meter, health, refresh }: Pick<HttpServerOptions, 'meter' | 'health' | 'refresh'>,
): Promise<void> {
  const path = request.url?.split('?')[0];
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(response, 405, 'text/plain', 'GET only\n');
  } else if (path === '/metrics') {
    await refresh();
    const { contentType, body } = await meter.text();
    send(response, 200, contentType, body);
  } else if (path === '/healthz') {
    const state = health();
    send(response, state.ok ? 200 : 503, 'application/json', `${JSON.stringify(state)}\n`);
  } else {
    send(response, 404, 'text/plain', 'try /metrics or /healthz\n');
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
