import {
  cut,
  findOpenIncident,
  type Incident,
  withAnswered,
  withinBounds,
  withOpened,
} from './incident.ts';
import type { FailureSettings } from './pipeline-spec.ts';
import type { MachineState } from './state-machine.ts';

/** A failure that heals, or is hoped to: the work is tried again. Quotes no value. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** Failures of work that goes on trying. JSON-plain, small: heartbeats carry it from attempt to attempt. */
export interface FailureStreak extends Failure {
  /** Where the work has stood since the first of them; '' before it was known. */
  readonly place: string;
  /** When the first failed that did not get past {@link place}. */
  readonly sinceMs: number;
  /** Failures since then. */
  readonly failures: number;
  /** When the newest failed, wherever that was; oldest first, as many as the limit counts. */
  readonly recentMs: readonly number[];
  /** What the workflow was told last, and when. */
  readonly told?: { readonly code: string; readonly atMs: number };
}

/** What of a streak is for a person. */
export interface ToldStreak extends Omit<FailureStreak, 'recentMs' | 'told'> {
  /** Nothing is tried before somebody has answered. */
  readonly waits?: true;
}

/** What a workflow is told once somebody has to know. */
export type FailingNotice =
  | ({ readonly kind: 'failing' } & ToldStreak)
  /** The work has gone on for a while. */
  | { readonly kind: 'working' };

/** Of what was applied before they could be set. */
const DEFAULTS: FailureSettings = { incidentAfterMs: 300_000, incidentAfterCount: 10 };

export const failureSettings = (settings: FailureSettings | undefined): FailureSettings =>
  settings ?? DEFAULTS;

/** The streak with one more failure; a place that is not known is that of the failure before. */
export function withFailure(
  streak: FailureStreak | undefined,
  { code, message }: Failure,
  place: string | undefined,
  nowMs: number,
  { incidentAfterCount }: FailureSettings,
): FailureStreak {
  const recentMs = [...(streak?.recentMs ?? []), nowMs].slice(-incidentAfterCount);
  const isSame = streak && (place === undefined || streak.place === '' || place === streak.place);
  const known = place ?? streak?.place ?? '';
  const said = {
    code,
    message: cut(message, MAX_MESSAGE_CHARS),
    place: known,
    recentMs,
    ...(streak?.told && { told: streak.told }),
  };
  return isSame
    ? { ...said, sinceMs: streak.sinceMs, failures: streak.failures + 1 }
    : { ...said, sinceMs: nowMs, failures: 1 };
}

/**
 * Whether somebody has to know: the work has stood at one place for too long, or it gets on and
 * fails too often all the same, as when two pipelines take the dump from each other.
 */
export function isIncident(
  { sinceMs, recentMs }: FailureStreak,
  nowMs: number,
  { incidentAfterMs, incidentAfterCount }: FailureSettings,
): boolean {
  const [oldestMs = nowMs] = recentMs;
  const isOften = recentMs.length >= incidentAfterCount && nowMs - oldestMs <= incidentAfterMs;
  return isOften || nowMs - sinceMs >= incidentAfterMs;
}

/** How an incident is closed that nobody had to answer. */
export const WORKS_AGAIN = 'works again';

/** A heartbeat carries it, beside the progress. */
const MAX_MESSAGE_CHARS = 500;

const isFailing = ({ kind }: Incident): boolean => kind === 'failing';

const openFailing = (incidents: readonly Incident[]): Incident | undefined => {
  const open = findOpenIncident(incidents);
  return open && isFailing(open) ? open : undefined;
};

/** Whether an incident is open of work that goes on trying. */
export const isKnownToFail = ({ incidents }: Pick<MachineState, 'incidents'>): boolean =>
  openFailing(incidents) !== undefined;

/** The state with an incident for work that goes on trying; one that is open takes what is newest. */
export function applyFailing<State extends MachineState>(
  state: State,
  notice: FailingNotice,
  nowMs: number,
  idPrefix = '',
): State {
  const known = openFailing(state.incidents);
  if (notice.kind === 'working') return known ? endFailing(state, WORKS_AGAIN, nowMs) : state;
  const cause = causeOf(notice);
  if (known) {
    const incidents = state.incidents.map((one) => (one === known ? { ...one, ...cause } : one));
    return { ...state, incidents: withinBounds(incidents) };
  }
  return findOpenIncident(state.incidents) ? state : withOpened(state, cause, nowMs, idPrefix);
}

/** The state in which nothing is tried any more: the incident of trying is closed, by `action`. */
export function endFailing<State extends MachineState>(
  state: State,
  action: string,
  nowMs: number,
): State {
  if (!isKnownToFail(state)) return state;
  return { ...state, incidents: withAnswered(state.incidents, { action }, nowMs) };
}

function causeOf({ code, message, place, sinceMs, failures, waits }: ToldStreak) {
  const since = new Date(sinceMs).toISOString();
  return {
    kind: 'failing',
    code,
    message: waits
      ? `${message} It waits for an answer: retry, when the cause is gone.`
      : `${message} It has failed ${failures} times since ${since} and is tried again.`,
    facts: { since, failures, ...(place === '' ? {} : { place }) },
  } as const;
}
