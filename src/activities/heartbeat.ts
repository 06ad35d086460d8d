/** What a ticker needs of an activity's context. */
export interface HeartbeatContext {
  readonly info: { readonly heartbeatTimeoutMs?: number | undefined };
  heartbeat(details?: unknown): void;
}

/** Core sends fewer than it is offered; offering often keeps the one that is sent fresh. */
const LONGEST_INTERVAL_MS = 1_000;
/** Beats within one heartbeat timeout, at least: a late timer must not look like a dead worker. */
const BEATS_PER_TIMEOUT = 4;

/**
 * Heartbeats with the newest details for as long as the work takes, from before its first step.
 *
 * Timers run outside the activity's own asynchronous context, so the caller hands that in.
 */
export async function withHeartbeat<Result>(
  context: HeartbeatContext,
  details: () => unknown,
  work: () => Promise<Result>,
): Promise<Result> {
  const beat = (): void => context.heartbeat(details());
  beat();
  const { heartbeatTimeoutMs = Infinity } = context.info;
  const intervalMs = Math.min(LONGEST_INTERVAL_MS, heartbeatTimeoutMs / BEATS_PER_TIMEOUT);
  const timer = setInterval(beat, intervalMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
