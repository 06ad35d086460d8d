import { setTimeout as delay } from 'node:timers/promises';
import { StackFailure } from './run.ts';

const DEADLINE_MS = 120_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 500;

export interface Readiness {
  /** Named in the message when the server does not come up. */
  readonly server: string;
  readonly probe: () => Promise<void>;
  readonly isRunning: () => Promise<boolean>;
  /** The last lines the server wrote. */
  readonly log: () => Promise<string>;
  readonly signal: AbortSignal | undefined;
}

/**
 * Probes a server that was just started until it answers.
 *
 * @throws StackFailure with the end of its log when it ends or does not answer within two minutes
 */
export async function untilReady(readiness: Readiness): Promise<void> {
  const { server, probe, isRunning, log, signal } = readiness;
  const deadlineMs = Date.now() + DEADLINE_MS;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    // Asked before the probe, so that another server on the same port cannot answer for a dead one.
    if (!(await isRunning())) {
      throw new StackFailure(`${server} ended while starting:\n${await log()}`);
    }
    try {
      await probe();
      return;
    } catch (cause) {
      if (Date.now() > deadlineMs) {
        throw new StackFailure(`${server} does not answer after 2 minutes:\n${await log()}`, {
          cause,
        });
      }
    }
    await delay(pauseMs, undefined, { signal });
    pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS);
  }
}
