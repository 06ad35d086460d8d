import { type TableName, tableIdOf } from '../change/table.ts';
import { exactPattern } from '../change/table-pattern.ts';
import { cut, type Incident, isOpenStop, newIncident, withinBounds } from './incident.ts';
import type { MachineState } from './state-machine.ts';

/** A table of which nothing is passed on, while the others go on. JSON-plain; quotes no value. */
export interface TableStop {
  readonly table: TableName;
  /** Error code; `sluice explain CODE` tells more. */
  readonly code: string;
  readonly reason: string;
  /** Where it stopped: `file:pos` of the source, or offset and sequence in a topic. */
  readonly position: string;
  /** Absent where only its incident tells. */
  readonly sinceMs?: number;
}

/** The stopped tables of a stream or a sink: all are counted, the newest are listed. */
export interface StoppedTables {
  readonly count: number;
  /** Newest last. */
  readonly tables: readonly TableStop[];
}

/** Stopped tables that have an incident of their own; the others are counted. */
export const MAX_LISTED_STOPS = 10;

const MAX_REASON_CHARS = 200;
const MAX_POSITION_CHARS = 100;

/** How the incident of a table is closed whose rows are passed on again. */
const RETURNED = { action: 'returned' };

/**
 * The state with an incident for each of the newest stopped tables; the workflow itself goes on. A
 * table that is not listed any more has returned. While there are more than can be listed, nobody
 * knows that: its incident leaves the state, and the table is counted with the others.
 */
export function applyStoppedTables<State extends MachineState>(
  state: State,
  { count, tables }: StoppedTables,
  nowMs: number,
  idPrefix = '',
): State {
  const listed = new Set<string>(tables.map(({ table }) => table));
  const isComplete = count <= listed.size;
  const unknown = new Map<string, TableStop>(
    tables.slice(-MAX_LISTED_STOPS).map((stop) => [stop.table, stop]),
  );
  const kept = state.incidents.flatMap((incident): readonly Incident[] => {
    if (!isOpenStop(incident)) return [incident];
    const table = tableOf(incident);
    const stop = unknown.get(table);
    if (stop && unknown.delete(table)) return [{ ...incident, ...causeOf(stop) }];
    const hasReturned = isComplete && !listed.has(table);
    return hasReturned ? [{ ...incident, closedAtMs: nowMs, answer: RETURNED }] : [];
  });
  const opened = [...unknown.values()].map((stop, index) =>
    newIncident(causeOf(stop), state.incidentCount + index + 1, stop.sinceMs ?? nowMs, idPrefix),
  );
  return {
    ...state,
    stoppedTables: count,
    incidentCount: state.incidentCount + opened.length,
    incidents: withinBounds([...kept, ...opened]),
  };
}

/** The stopped tables of a workflow; `undefined` when there are none. */
export function stoppedTablesOf({
  incidents,
  stoppedTables = 0,
}: Pick<MachineState, 'incidents' | 'stoppedTables'>): StoppedTables | undefined {
  if (stoppedTables === 0) return undefined;
  const tables = incidents.filter(isOpenStop).map((incident) => ({
    table: tableOf(incident) as TableName,
    code: incident.code,
    reason: incident.message,
    position: String(incident.facts['position'] ?? ''),
    sinceMs: incident.openedAtMs,
  }));
  return { count: stoppedTables, tables };
}

/** What has capture read a table again, ready to paste. */
export function snapshotCommand(pipeline: string, table: TableName): string {
  const pattern = exactPattern(tableIdOf(table)).replaceAll("'", "'\\''");
  return `sluice snapshot ${pipeline} --tables '${pattern}'`;
}

const tableOf = ({ facts }: Incident): string => String(facts['table'] ?? '');

const causeOf = ({ table, code, reason, position }: TableStop) =>
  ({
    kind: 'table',
    code,
    message: cut(reason, MAX_REASON_CHARS),
    facts: { table, position: cut(position, MAX_POSITION_CHARS) },
  }) as const;
