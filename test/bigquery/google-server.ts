import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Where it was a JSON object. */
  readonly body: unknown;
}

export interface Told {
  readonly status: number;
  readonly body: unknown;
}

export interface GoogleServer extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly Asked[];
}

/** A server on the loopback interface that answers as the test says. */
export async function googleServer(answer: (asked: Asked) => Told): Promise<GoogleServer> {
  const log: Asked[] = [];
  const server = createServer((request, response) => {
    void request.toArray().then((parts) => {
      const text = Buffer.concat(parts as Buffer[]).toString();
      const asked: Asked = {
        method: request.method ?? '',
        path: request.url ?? '',
        body: text.startsWith('{') ? JSON.parse(text) : undefined,
      };
      log.push(asked);
      const { status, body } = answer(asked);
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: log,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const told = (body: unknown): Told => ({ status: 200, body });

/** An error of BigQuery, as its reference shows one. */
export function refused(status: number, reason: string, message: string): Told {
  const errors = [{ message, domain: 'global', reason }];
  return { status, body: { error: { code: status, message, errors } } };
}

/** An error of the newer services, which have no list of errors, but details. */
export function denied(reason: string, message: string, code = 403): Told {
  const info = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason };
  const error = { code, message, status: 'PERMISSION_DENIED', details: [info] };
  return { status: code, body: { error } };
}
