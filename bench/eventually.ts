import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 250;

/** @throws {Error} when the answer is not yes in time; the signal's reason once it is aborted */
export async function eventually(
  what: string,
  withinMs: number,
  ask: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> {
  const deadlineMs = Date.now() + withinMs;
  while (!(await ask())) {
    if (Date.now() > deadlineMs)
      throw new Error(`waited ${withinMs / 1_000} s in vain for ${what}`);
    await sleep(POLL_MS, undefined, { signal });
  }
}
