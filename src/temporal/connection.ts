import { Client, Connection } from '@temporalio/client';
import { SluiceError } from '../errors/error.ts';

export interface TemporalPlace {
  /** `host:port` of the frontend. */
  readonly address: string;
  readonly namespace: string;
}

const CONNECT_TIMEOUT = '5 seconds';

/** @throws {SluiceError} `temporal.unreachable` */
export async function connectClient({ address, namespace }: TemporalPlace): Promise<Client> {
  try {
    const connection = await Connection.connect({ address, connectTimeout: CONNECT_TIMEOUT });
    return new Client({ connection, namespace });
  } catch (cause) {
    throw temporalUnreachable(address, cause);
  }
}

export function temporalUnreachable(address: string, cause: unknown): SluiceError {
  return new SluiceError(
    'temporal.unreachable',
    `No Temporal server answers at ${address}. Start it, or name it with --address or TEMPORAL_ADDRESS.`,
    { cause, facts: { address } },
  );
}
