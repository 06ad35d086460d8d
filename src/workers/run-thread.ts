import { type ResourceLimits, Worker } from 'node:worker_threads';
import { isErrorCode } from '../errors/catalogue.ts';
import { SluiceError } from '../errors/error.ts';
import type { StopRequest, ThreadFailure, ThreadMessage, ThreadTask } from './thread-protocol.ts';

/**
 * A heap that may be large gets large: V8 puts off collecting for as long as there is room. What
 * sinks make is rubbish within the second, so a small young generation costs some CPU and halves
 * their memory. The old one holds two batches with room for the largest record a topic takes.
 */
function heapLimits(task: ThreadTask): ResourceLimits {
  if (task.kind === 'capture') return {};
  const batchBytes = task.spec.sinks[task.sinkName]?.maxBatchBytes ?? 0;
  const oldMb = SINK_OLD_GENERATION_MB + 4 * Math.ceil(batchBytes / (1 << 20));
  return { maxYoungGenerationSizeMb: SINK_YOUNG_GENERATION_MB, maxOldGenerationSizeMb: oldMb };
}

/** Three times a semi-space of 8 MB. */
const SINK_YOUNG_GENERATION_MB = 24;
const SINK_OLD_GENERATION_MB = 256;

/** A thread that has said nothing for this long is stuck: it is ended, and the attempt retried. */
const SILENCE_LIMIT_MS = 60_000;

/**
 * Runs a data thread until it has ended in order.
 *
 * On abort the thread is asked to stop and is given all the time its last commit takes; the silence
 * limit still holds.
 *
 * @throws {SluiceError} what the thread failed with; `worker.thread-stuck` | `worker.thread-died`
 */
export async function runThread(
  task: ThreadTask,
  onMessage: (message: ThreadMessage) => void,
  signal: AbortSignal,
): Promise<void> {
  const thread = new Worker(new URL('./data-thread.ts', import.meta.url), {
    workerData: task,
    resourceLimits: heapLimits(task),
  });
  const stop = (): void => {
    thread.postMessage({ kind: 'stop' } satisfies StopRequest);
  };
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
