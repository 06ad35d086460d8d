import type { SluiceError } from '../errors/error.ts';

export type Facts = SluiceError['facts'];

/** Something a person has to decide. JSON-plain; holds names and positions, never row values. */
export interface Incident {
  /** `gap-2026-11-23-01`: kind, day it opened, number within the workflow; a sink's begins with `<sink>/`. */
  readonly id: string;
  /**
   * `table`: one table has stopped, the workflow goes on; its facts name `table` and `position`.
   * `failing`: the work fails again and again, and is tried again.
   */
  readonly kind: 'gap' | 'blocked' | 'failing' | 'table';
  /** Error code; `sluice explain CODE` tells more. */
  readonly code: string;
  readonly message: string;
  readonly facts: Facts;
  readonly openedAtMs: number;
  readonly closedAtMs?: number;
  readonly answer?: IncidentAnswer;
}

export interface IncidentAnswer {
  readonly action: string;
  readonly by?: string;
  readonly reason?: string;
}

/** Why work stopped, as an activity reports it. */
export interface Verdict {
  readonly kind: 'gap' | 'blocked';
  readonly code: string;
  readonly message: string;
  readonly facts: Facts;
}

type Cause = Pick<Incident, 'kind' | 'code' | 'message' | 'facts'>;

/** Answers the open incident whatever its id: for one signal to many pipelines. Takes action `retry` only. */
export const ANY_INCIDENT = '*';

/** Of tables, and of the workflow itself, each. */
export const MAX_INCIDENTS = 20;

/** A workflow carries its incidents from run to run, so their texts are bounded. */
const MAX_MESSAGE_CHARS = 1_500;
const MAX_FACT_CHARS = 250;
const MAX_FACTS = 10;
const MAX_CLOSED_MESSAGE_CHARS = 300;
const MAX_LIST_CHARS = 5_000;

const isOpen = ({ closedAtMs }: Incident): boolean => closedAtMs === undefined;

const isOfTable = ({ kind }: Incident): boolean => kind === 'table';

/** The incident that somebody has to answer. Those of single tables hold nothing up. */
export function findOpenIncident(incidents: readonly Incident[]): Incident | undefined {
  return incidents.findLast((incident) => isOpen(incident) && !isOfTable(incident));
}

/** Whether it is of a table that has stopped and not returned. */
export const isOpenStop = (incident: Incident): boolean => isOpen(incident) && isOfTable(incident);

/** A new open incident, the `ordinal`-th of its workflow. */
export function newIncident(
  { kind, code, message, facts }: Cause,
  ordinal: number,
  nowMs: number,
  idPrefix = '',
): Incident {
  return {
    id: `${idPrefix}${incidentId(kind, nowMs, ordinal)}`,
    kind,
    code: cut(code, MAX_FACT_CHARS),
    message: cut(message, MAX_MESSAGE_CHARS),
    facts: shortened(facts),
    openedAtMs: nowMs,
  };
}

/** What carries incidents from run to run. */
interface Incidents {
  readonly incidents: readonly Incident[];
  readonly incidentCount: number;
}

/** The state with one more incident, which is open. */
export function withOpened<State extends Incidents>(
  state: State,
  cause: Cause,
  nowMs: number,
  idPrefix: string,
): State {
  const incidentCount = state.incidentCount + 1;
  const opened = newIncident(cause, incidentCount, nowMs, idPrefix);
  return { ...state, incidentCount, incidents: withinBounds([...state.incidents, opened]) };
}

/** With the open incident answered. What it said stays on record, shortened. */
export function withAnswered(
  incidents: readonly Incident[],
  answer: IncidentAnswer,
  nowMs: number,
): readonly Incident[] {
  const open = findOpenIncident(incidents);
  if (!open) return incidents;
  const closed = {
    message: cut(open.message, MAX_CLOSED_MESSAGE_CHARS),
    closedAtMs: nowMs,
    answer,
  };
  return withinBounds(
    incidents.map((incident) => (incident === open ? { ...open, ...closed } : incident)),
  );
}

function incidentId(kind: Incident['kind'], atMs: number, ordinal: number): string {
  const day = new Date(atMs).toISOString().slice(0, 10);
  return `${kind}-${day}-${String(ordinal).padStart(2, '0')}`;
}

function shortened(facts: Facts): Facts {
  const entries = Object.entries(facts).slice(0, MAX_FACTS);
  return Object.fromEntries(
    entries.map(([name, value]) => [
      cut(name, MAX_FACT_CHARS),
      typeof value === 'number' || typeof value === 'boolean'
        ? value
        : cut(typeof value === 'string' ? value : value.join(', '), MAX_FACT_CHARS),
    ]),
  );
}

/**
 * As many incidents as a workflow may carry. Closed ones give way first and the oldest before the
 * others; those of tables never crowd out what holds the workflow up, nor the other way round.
 */
export function withinBounds(incidents: readonly Incident[]): readonly Incident[] {
  const kept = new Set([
    ...bounded(incidents.filter(isOfTable)),
    ...bounded(incidents.filter((incident) => !isOfTable(incident))),
  ]);
  return incidents.filter((incident) => kept.has(incident));
}

function bounded(incidents: readonly Incident[]): readonly Incident[] {
  const first = incidents.filter((incident) => !isOpen(incident));
  let kept = [...first, ...incidents.filter(isOpen)].slice(-MAX_INCIDENTS);
  while (kept.length > 1 && JSON.stringify(kept).length > MAX_LIST_CHARS) kept = kept.slice(1);
  return kept;
}

/** At most so many UTF-16 units; what was cut off is shown by an ellipsis. */
export function cut(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars - 1)}…`;
}
