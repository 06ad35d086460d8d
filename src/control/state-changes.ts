import type { Incident } from './incident.ts';
import type { MachineState } from './state-machine.ts';

/** What a change of state is to those who watch: a log's levels. */
export interface StateChange {
  readonly level: 'info' | 'warn' | 'error';
  /** For a person. Quotes no value. */
  readonly text: string;
}

/**
 * What has changed between two states of a workflow, in the order in which one tells it: incidents
 * that were closed, the phase, incidents that were opened. Stopped tables are not in it: whoever
 * stops them says so.
 *
 * @param subject  `pipeline shop`, `sink warehouse of pipeline shop`
 */
export function stateChanges(
  subject: string,
  before: MachineState,
  after: MachineState,
): readonly StateChange[] {
  if (before.phase === after.phase && before.incidents === after.incidents) return [];
  const known = new Map(before.incidents.map((incident) => [incident.id, incident]));
  const told = after.incidents.filter(({ kind }) => kind !== 'table');
  const closed = told.filter(({ id, closedAtMs }) => {
    const former = known.get(id);
    return closedAtMs !== undefined && former && former.closedAtMs === undefined;
  });
  const opened = told.filter(({ id, code, closedAtMs }) => {
    const former = known.get(id);
    return closedAtMs === undefined && former?.code !== code;
  });
  return [
    ...closed.map((incident) => closing(subject, incident)),
    ...(before.phase === after.phase ? [] : [phaseChange(subject, after)]),
    ...opened.map((incident) => opening(subject, incident)),
  ];
}

function phaseChange(subject: string, { phase, because }: MachineState): StateChange {
  const why = because ? `: ${because.command}${attribution(because)}` : '';
  const level = phase === 'GAP' || phase === 'BLOCKED' ? 'error' : 'info';
  return { level, text: `${subject} is ${phase} now${why}` };
}

function opening(subject: string, { id, kind, code, message }: Incident): StateChange {
  const level = kind === 'failing' ? 'warn' : 'error';
  return { level, text: `${subject}: incident ${id} is open: ${code}: ${message}` };
}

function closing(subject: string, { id, answer }: Incident): StateChange {
  const how = answer ? `: ${answer.action}${attribution(answer)}` : '';
  return { level: 'info', text: `${subject}: incident ${id} is closed${how}` };
}

function attribution({ by, reason }: { readonly by?: string; readonly reason?: string }): string {
  return `${by === undefined ? '' : ` by ${by}`}${reason === undefined ? '' : ` (${reason})`}`;
}
