import {
  type Failure,
  type FailureStreak,
  isIncident,
  type FailingNotice as Told,
  withFailure,
} from '../control/failing.ts';
import type { FailureSettings } from '../control/pipeline-spec.ts';
import type { Progress } from '../observability/progress.ts';

/** Work that has reported for this long without a failure, and has got on, is well. */
const WORKING_AFTER_MS = 60_000;
/** An open incident takes a newer cause at most this often: each time is an event of a history. */
const SAME_AGAIN_MS = 3_600_000;

/** What is known when an attempt begins. */
export interface KnownFailures {
  /** As the attempt before left it; absent for the first. */
  readonly streak: FailureStreak | undefined;
  /** The workflow had an open incident of it when it began the activity. */
  readonly isTold: boolean;
}

/**
 * Tells a workflow that its work fails again and again, once that is an incident, and that it goes
 * on, once it has for a while. The work is tried again all the time.
 */
export class FailingNotice {
  readonly #tell: (notice: Told) => void;
  readonly #settings: FailureSettings;
  readonly #nowMs: () => number;
  #streak: FailureStreak | undefined;
  #isTold: boolean;
  #place: string | undefined;
  /** When the attempt that runs reported first. */
  #reportsSinceMs: number | undefined;

  constructor(
    tell: (notice: Told) => void,
    settings: FailureSettings,
    { streak, isTold }: KnownFailures,
    nowMs: () => number = Date.now,
  ) {
    this.#tell = tell;
    this.#settings = settings;
    this.#nowMs = nowMs;
    this.#streak = streak;
    this.#isTold = isTold || streak?.told !== undefined;
  }

  /** For the heartbeat, which hands it to the next attempt. */
  get streak(): FailureStreak | undefined {
    return this.#streak;
  }

  failed(failure: Failure): void {
    const nowMs = this.#nowMs();
    this.#reportsSinceMs = undefined;
    this.#streak = withFailure(this.#streak, failure, this.#place, nowMs, this.#settings);
    if (!isIncident(this.#streak, nowMs, this.#settings)) return;
    const { recentMs: _, told, ...streak } = this.#streak;
    if (told && nowMs - told.atMs < this.#againMs(told.code, failure)) return;
    this.#tell({ kind: 'failing', ...streak });
    this.#streak = { ...this.#streak, told: { code: failure.code, atMs: nowMs } };
    this.#isTold = true;
  }

  /** Takes what the work reports, a few times a second. */
  progressed(progress: Progress): void {
    this.#place = placeOf(progress);
    if (!this.#streak && !this.#isTold) return;
    const nowMs = this.#nowMs();
    this.#reportsSinceMs ??= nowMs;
    if (nowMs - this.#reportsSinceMs < WORKING_AFTER_MS) return;
    if (this.#streak?.place === this.#place && !isDone(progress)) return;
    if (this.#isTold) this.#tell({ kind: 'working' });
    this.#streak = undefined;
    this.#isTold = false;
  }

  #againMs(told: string, { code }: Failure): number {
    return code === told ? SAME_AGAIN_MS : this.#settings.incidentAfterMs;
  }
}

/**
 * How far the work has come, in a form that a person can use. A copy goes on with the stream only,
 * so that while one is due its place is that of both.
 */
function placeOf(progress: Progress): string {
  if (progress.kind === 'sink') return `cut ${progress.cutOrdinal}`;
  const { checkpoint, snapshot } = progress;
  if (snapshot) return `row ${snapshot.rows} of ${snapshot.table}`;
  return checkpoint ? `${checkpoint.file}:${checkpoint.pos}` : 'start';
}

/** Whether there is nothing left to get on with. */
const isDone = (progress: Progress): boolean =>
  progress.lagMs === 0 && (progress.kind === 'sink' || progress.snapshot === undefined);
