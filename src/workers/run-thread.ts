import { Worker } from 'node:worker_threads';
import { isErrorCode } from '../errors/catalogue.ts';
import { SluiceError } from '../errors/error.ts';
import type { ThreadFailure, ThreadMessage, ThreadRequest, ThreadTask } from './thread-protocol.ts';

/** A thread that has said nothing for this long is stuck: it is ended, and the attempt retried. */
const SILENCE_LIMIT_MS = 60_000;

/**
 * What data threads leave behind is dead at once, but V8 puts off collecting for as long as there is
 * room: with its own limit a backlog of small transactions takes 70 MB more in capture, and a sink
 * about twice as much. With half of this, collecting begins to cost. The old generation has no limit
 * of ours: a row of any size that a topic takes must go through.
 */
const HEAP_LIMITS = { maxYoungGenerationSizeMb: 24 };

/**
 * Runs a data thread until it has ended in order.
 *
 * On abort the thread is asked to stop and is given all the time its last commit takes; the silence
 * limit still holds.
 *
 * @param onRunning  gets the way to say something to the thread; what is said before it listens waits
 * @throws {SluiceError} what the thread failed with; `worker.thread-stuck` | `worker.thread-died`
 */
export async function runThread(
  task: ThreadTask,
  onMessage: (message: ThreadMessage) => void,
  signal: AbortSignal,
  onRunning: (say: (request: ThreadRequest) => void) => void = () => undefined,
): Promise<void> {
  const thread = new Worker(new URL('./data-thread.ts', import.meta.url), {
    workerData: task,
    resourceLimits: HEAP_LIMITS,
  });
  const say = (request: ThreadRequest): void => {
    thread.postMessage(request);
  };
  const stop = (): void => {
    say({ kind: 'stop' });
  };
  onRunning(say);
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  let silence: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const heard = (): void => {
        clearTimeout(silence);
        silence = setTimeout(() => {
          reject(
            new SluiceError(
              'worker.thread-stuck',
              `The ${task.kind} thread of pipeline ${task.spec.pipeline} made no progress for ${SILENCE_LIMIT_MS / 1000} s and is ended.`,
            ),
          );
        }, SILENCE_LIMIT_MS);
      };
      heard();
      thread.on('message', (message: ThreadMessage) => {
        heard();
        if (message.kind === 'done') resolve();
        else if (message.kind === 'failed') reject(failureFrom(message.failure));
        else onMessage(message);
      });
      thread.on('error', (cause) => {
        reject(
          new SluiceError(
            'worker.thread-died',
            `The ${task.kind} thread of pipeline ${task.spec.pipeline} died: ${cause instanceof Error ? cause.message : 'unknown'}`,
            { cause },
          ),
        );
      });
      thread.on('exit', (code) => {
        reject(
          new SluiceError(
            'worker.thread-died',
            `The ${task.kind} thread of pipeline ${task.spec.pipeline} exited with code ${code}.`,
          ),
        );
      });
    });
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', stop);
    await thread.terminate();
  }
}

function failureFrom(failure: ThreadFailure): SluiceError {
  const code = isErrorCode(failure.code) ? failure.code : 'internal.bug';
  return new SluiceError(code, failure.message, { facts: failure.facts });
}
