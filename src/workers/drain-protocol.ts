import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { privateFolder } from '../duckdb/local-socket.ts';
import type { DrainEnd, DrainStep } from './drain.ts';

/** One line of JSON asks; the connection's end takes the question back. */
export interface DrainRequest {
  readonly drain: { readonly force: boolean };
}

/** A line of the answer. The connection ends with the worker when that has nothing left. */
export type DrainPart =
  | { readonly step: DrainStep }
  | { readonly end: DrainEnd }
  | { readonly error: string };

/** Which workers are meant: they have the same work. */
export interface WorkerPlace {
  readonly namespace: string;
  readonly host: string;
}

export const MAX_REQUEST_CHARS = 1_000;

const SUFFIX = '.sock';

/** Sockets of the workers of a place are the files of {@link privateFolder} that begin so. */
function socketPrefix({ namespace, host }: WorkerPlace): string {
  const hash = createHash('sha256').update(`${namespace} ${host}`).digest('hex').slice(0, 16);
  return `worker-${hash}-`;
}

export const workerSocket = (place: WorkerPlace, pid: number): string =>
  join(privateFolder(), `${socketPrefix(place)}${pid}${SUFFIX}`);

/** Process that listens at such a file; `undefined` for a file of another place. */
export function listenerOf(place: WorkerPlace, name: string): number | undefined {
  const prefix = socketPrefix(place);
  if (!name.startsWith(prefix) || !name.endsWith(SUFFIX)) return undefined;
  return Number(name.slice(prefix.length, -SUFFIX.length));
}
