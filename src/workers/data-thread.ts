import { channel } from 'node:diagnostics_channel';
import { parentPort, workerData } from 'node:worker_threads';
import { GivenCommands } from '../capture/given-commands.ts';
import { judgeFailure } from '../errors/policy.ts';
import { keepCompiledCode, useCodeCache } from './code-cache.ts';
import type { ThreadMessage, ThreadPort, ThreadRequest, ThreadTask } from './thread-protocol.ts';
import { quietKnownWarnings } from './warnings.ts';

/**
 * Entry of a data thread: both sockets of one capture, or the file and socket of one sink. Nothing
 * else runs here, so that a busy decoder never keeps the main thread from its heartbeats.
 */
const ALIVE_INTERVAL_MS = 1_000;

/** Nobody listens in production: a crash test loads a module into the thread that does. */
const points = channel('sluice.point');

async function main(task: ThreadTask): Promise<void> {
  quietKnownWarnings();
  const abort = new AbortController();
  const send = (message: ThreadMessage): void => {
    parentPort?.postMessage(message);
  };
  const commands = new GivenCommands(task.kind === 'capture' ? task.commands : []);
  parentPort?.on('message', (request: ThreadRequest) => {
    if (request.kind === 'stop') abort.abort();
    else commands.give(request.commands);
  });
  const alive = setInterval(() => {
    send({ kind: 'alive' });
  }, ALIVE_INTERVAL_MS);
  const port: ThreadPort = {
    send,
    signal: abort.signal,
    commands,
    reach: (point) => points.publish(point),
  };
  try {
    const run = await load(task);
    keepCompiledCode();
    await run(port);
    send({ kind: 'done' });
  } catch (error) {
    const { code, message, facts } = judgeFailure(error);
    send({ kind: 'failed', failure: { code, message, facts } });
  } finally {
    clearInterval(alive);
  }
}

/** Either task alone: a capture needs no warehouse's library and a sink no database driver. */
async function load(task: ThreadTask): Promise<(port: ThreadPort) => Promise<void>> {
  useCodeCache();
  switch (task.kind) {
    case 'capture': {
      const { runCaptureTask } = await import('./capture-task.ts');
      return (port) => runCaptureTask(task, port);
    }
    case 'sink': {
      const { runSinkTask } = await import('./sink-task.ts');
      return (port) => runSinkTask(task, port);
    }
  }
}

await main(workerData as ThreadTask);
