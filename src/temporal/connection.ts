import { readFile } from 'node:fs/promises';
import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { SluiceError } from '../errors/error.ts';

export interface TemporalPlace {
  /** `host:port` of the frontend. */
  readonly address: string;
  readonly namespace: string;
}

/** What a client's and a worker's connection take alike. */
export interface ConnectionSettings {
  readonly address: string;
  readonly tls?: NonNullable<ConnectionOptions['tls']>;
  readonly apiKey?: string;
}

const CONNECT_TIMEOUT = '5 seconds';

/**
 * Security settings from the environment, under the names the `temporal` command line reads:
 * TEMPORAL_API_KEY, TEMPORAL_TLS, TEMPORAL_TLS_SERVER_NAME, TEMPORAL_TLS_SERVER_CA_CERT_PATH,
 * TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH. Any of them turns TLS on, unless
 * TEMPORAL_TLS is false.
 */
export async function connectionSettings(
  { address }: TemporalPlace,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ConnectionSettings> {
  const apiKey = env['TEMPORAL_API_KEY'];
  const serverName = env['TEMPORAL_TLS_SERVER_NAME'];
  const ca = await pemFile(env['TEMPORAL_TLS_SERVER_CA_CERT_PATH']);
  const crt = await pemFile(env['TEMPORAL_TLS_CLIENT_CERT_PATH']);
  const key = await pemFile(env['TEMPORAL_TLS_CLIENT_KEY_PATH']);
  const details = {
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
    ...(ca && { serverRootCACertificate: ca }),
    ...(crt && key && { clientCertPair: { crt, key } }),
  };
  const asked = apiKey !== undefined || Object.keys(details).length > 0;
  const tls = asked ? env['TEMPORAL_TLS'] !== 'false' : env['TEMPORAL_TLS'] === 'true';
  return {
    address,
    ...(tls ? { tls: details } : {}),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

async function pemFile(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (cause) {
    throw new SluiceError(
      'config.unreadable',
      `The TLS file ${path}, which the environment names for Temporal, cannot be read.`,
      { cause },
    );
  }
}

/** @throws {SluiceError} `temporal.unreachable` | `config.unreadable` */
export async function connectClient(place: TemporalPlace): Promise<Client> {
  const settings = await connectionSettings(place);
  try {
    const connection = await Connection.connect({ ...settings, connectTimeout: CONNECT_TIMEOUT });
    return new Client({ connection, namespace: place.namespace });
  } catch (cause) {
    throw temporalUnreachable(place.address, cause);
  }
}

export function temporalUnreachable(address: string, cause: unknown): SluiceError {
  return new SluiceError(
    'temporal.unreachable',
    `No Temporal server answers at ${address}. Start it, or name it with --address or TEMPORAL_ADDRESS.`,
    { cause, facts: { address } },
  );
}
