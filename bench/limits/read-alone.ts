import type { LimitTask } from './limit-process.ts';
import { logEvents } from './log-events.ts';

/** The log read from the server, packets cut into events, and everything thrown away. */
export async function readAlone(task: LimitTask): Promise<number> {
  let startedAtMs: number | undefined;
  for await (const _ of logEvents(task)) startedAtMs ??= performance.now();
  return (task.rows * 1_000) / (performance.now() - (startedAtMs ?? 0));
}
