import { readdir } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { answers, ignoreMissing, isPrivate, privateFolder } from '../duckdb/local-socket.ts';
import { linesOf } from '../duckdb/query-protocol.ts';
import { SluiceError } from '../errors/error.ts';
import type { DrainEnd, DrainStep } from './drain.ts';
import {
  type DrainPart,
  type DrainRequest,
  listenerOf,
  type WorkerPlace,
  workerSocket,
} from './drain-protocol.ts';

export interface DrainAsked extends WorkerPlace {
  /** Process of the worker, where several are of the place. */
  readonly pid: number | undefined;
  readonly force: boolean;
  /** Aborted: the worker hands nothing more over. */
  readonly signal: AbortSignal;
  readonly onStep: (step: DrainStep) => void;
}

const MAX_ANSWER_CHARS = 10_000;

/**
 * Has the worker of this machine hand its work over, and resolves when it has ended, or has said that
 * something is left.
 *
 * @throws {SluiceError} `drain.no-worker` | `drain.refused`, `cli.usage` where several are of the place
 */
export async function drainWorker(asked: DrainAsked): Promise<DrainEnd> {
  const socket = createConnection(workerSocket(asked, await workerOf(asked)));
  const abort = (): void => void socket.destroy();
  asked.signal.addEventListener('abort', abort, { once: true });
  try {
    const request: DrainRequest = { drain: { force: asked.force } };
    socket.write(`${JSON.stringify(request)}\n`);
    let end: DrainEnd | undefined;
    for await (const part of partsFrom(socket)) {
      if ('step' in part) asked.onStep(part.step);
      else if ('end' in part) end = part.end;
      else throw new SluiceError('drain.refused', `The worker does not drain: ${part.error}.`);
    }
    asked.signal.throwIfAborted();
    if (end) return end;
    throw new SluiceError(
      'drain.refused',
      'The worker ended before it had handed everything over.',
    );
  } finally {
    asked.signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}

/** The one that answers; a person says which where several do. */
async function workerOf({ pid, ...place }: DrainAsked): Promise<number> {
  const { host, namespace } = place;
  const folder = privateFolder();
  const where = `of host ${host} and namespace ${namespace}`;
  if (!(await isPrivate(folder)))
    throw new SluiceError(
      'drain.no-worker',
      `Workers would listen in ${folder}, which others than this user can use.`,
    );
  const listening: number[] = [];
  for (const name of (await readdir(folder).catch(ignoreMissing)) ?? []) {
    const found = listenerOf(place, name);
    if (found !== undefined && (await answers(workerSocket(place, found)))) listening.push(found);
  }
  const meant = pid === undefined ? listening : listening.filter((found) => found === pid);
  const [only, ...others] = meant;
  if (only === undefined)
    throw new SluiceError(
      'drain.no-worker',
      `No worker ${where} answers this user on this machine${listening.length === 0 ? '' : ` as process ${pid}; there are ${listening.join(', ')}`}.`,
    );
  if (others.length > 0)
    throw new SluiceError(
      'cli.usage',
      `Several workers ${where} run on this machine: say which with --pid, one of ${meant.join(', ')}.`,
    );
  return only;
}

/** Ends with the connection, in order or not. */
async function* partsFrom(socket: Socket): AsyncGenerator<DrainPart> {
  socket.setEncoding('utf8');
  try {
    for await (const line of linesOf(socket, MAX_ANSWER_CHARS))
      yield JSON.parse(line ?? '{}') as DrainPart;
  } catch (error) {
    // A process that ends takes its connections with it, one way or another.
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}
