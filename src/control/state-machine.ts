import { endFailing, isKnownToFail } from './failing.ts';
import {
  ANY_INCIDENT,
  findOpenIncident,
  type Incident,
  isOpenStop,
  type Verdict,
  withAnswered,
  withOpened,
} from './incident.ts';
import type { CommandAnswer, Requester, SnapshotDone } from './messages.ts';

/** What the state of a pipeline and that of a sink have in common. JSON-plain. */
export interface MachineState<Phase extends string = string> {
  readonly phase: Phase;
  readonly sinceMs: number;
  /** The command that led to this phase; absent when none did. */
  readonly because?: Omit<Requester, 'commandId'> & { readonly command: string };
  readonly incidents: readonly Incident[];
  readonly incidentCount: number;
  /** Tables that have stopped, those without an incident of their own included; none when absent. */
  readonly stoppedTables?: number;
  /** Ids of the commands taken, newest last. */
  readonly commandIds: readonly string[];
}

/**
 * Where an event leads: to another phase, nowhere, or to a refusal; `ifFailing` leads nowhere while
 * an incident is open of work that is tried again and again, and is refused otherwise.
 */
export type Step<Phase extends string> = Phase | 'stay' | 'ifFailing' | 'refuse';

/** Where each event leads from each phase. A pair that is missing does not compile. */
export type Steps<Phase extends string, Kind extends string> = Record<
  Phase,
  Record<Kind, Step<Phase>>
>;

/** A workflow that waits for a snapshot, and what to tell it. */
export interface SnapshotReply {
  readonly workflowId: string;
  readonly done: SnapshotDone;
}

/** What an event leads to. */
export interface Transition<State> {
  readonly state: State;
  readonly answer: CommandAnswer;
  /** The step that runs now has to end. */
  readonly interrupt: boolean;
  readonly replies: readonly SnapshotReply[];
}

type Kinded = { readonly kind: string };

/**
 * A pipeline or a sink as a table of phases and the meaning of its events. A command is what a
 * person or a program asks for, and may be refused; a notice says what has happened, and may not.
 */
export interface Machine<
  Phase extends string,
  State extends MachineState<Phase>,
  Command extends Requester & Kinded,
  Notice extends Kinded,
> {
  readonly name: 'pipeline' | 'sink';
  readonly steps: Steps<Phase, (Command | Notice)['kind']>;
  /** In which phases a command ends the step under way; the loop then begins the next one with new input. */
  readonly interrupts: Record<Command['kind'], readonly Phase[]>;
  /** Why a command that the phase allows cannot be taken; `undefined` when it can. */
  refuse(state: State, command: Command): string | undefined;
  /** The answer to a command that is neither refused nor taken, because it changes nothing. */
  answerAtOnce(state: State, command: Command): Transition<State> | undefined;
  /** What a command changes besides the phase, which has been entered already. */
  applyCommand(state: State, command: Command, nowMs: number): Transition<State>;
  /** The same for a notice. */
  applyNotice(state: State, notice: Notice, nowMs: number): Transition<State>;
}

const MAX_COMMAND_IDS = 32;

/** The next state. Pure; the same for an update, a signal and a replay. */
export function advance<
  Phase extends string,
  State extends MachineState<Phase>,
  Command extends Requester & Kinded,
  Notice extends Kinded,
>(
  machine: Machine<Phase, State, Command, Notice>,
  state: State,
  event: Command | Notice,
  nowMs: number,
): Transition<State> {
  const moved = (): State =>
    moveTo(state, machine.steps[state.phase][event.kind as (Command | Notice)['kind']], nowMs);
  if (!isCommand(machine, event)) return machine.applyNotice(moved(), event, nowMs);
  const refusal = refusalFor(machine, state, event);
  if (refusal !== undefined) return reply(state, refusal);
  if (isRepeated(state, event)) return reply(state, 'This command has been taken already.');
  const answer = machine.answerAtOnce(state, event);
  if (answer) return answer;
  const kind: Command['kind'] = event.kind;
  const transition = machine.applyCommand(because(state, moved(), event), event, nowMs);
  return { ...transition, interrupt: machine.interrupts[kind].includes(state.phase) };
}

/** Why an event cannot be taken now; `undefined` when it can. */
export function refusalFor<
  Phase extends string,
  State extends MachineState<Phase>,
  Command extends Requester & Kinded,
  Notice extends Kinded,
>(
  machine: Machine<Phase, State, Command, Notice>,
  state: State,
  event: Command | Notice,
): string | undefined {
  if (!isCommand(machine, event) || isRepeated(state, event)) return undefined;
  if (machine.answerAtOnce(state, event)) return undefined;
  const kind: Command['kind'] = event.kind;
  const ofTable = 'incidentId' in event && refuseTableIncident(state, String(event.incidentId));
  if (ofTable) return ofTable;
  const step = machine.steps[state.phase][kind];
  return step === 'refuse' || (step === 'ifFailing' && !isKnownToFail(state))
    ? refuseWrongPhase(machine.name, state, kind)
    : machine.refuse(state, event);
}

function isCommand<Command extends Kinded>(
  { interrupts }: { readonly interrupts: Record<Command['kind'], unknown> },
  event: Kinded,
): event is Command {
  return Object.hasOwn(interrupts, event.kind);
}

function isRepeated(state: MachineState, { commandId }: Requester): boolean {
  return commandId !== undefined && state.commandIds.includes(commandId);
}

/** The state in the phase that a step leads to. */
export function moveTo<Phase extends string, State extends MachineState<Phase>>(
  state: State,
  step: Step<Phase>,
  nowMs: number,
): State {
  if (step === 'stay' || step === 'ifFailing' || step === 'refuse' || step === state.phase)
    return state;
  const { because: _, ...rest } = state;
  return { ...rest, phase: step, sinceMs: nowMs } as unknown as State;
}

function because<State extends MachineState>(
  before: State,
  state: State,
  command: Requester & Kinded,
): State {
  return state.phase === before.phase
    ? state
    : { ...state, because: { command: command.kind, ...requesterOf(command) } };
}

/** An answer, with the state as the caller has made it. */
export function reply<State extends MachineState>(
  state: State,
  message: string,
): Transition<State> {
  return { state, answer: { state: state.phase, message }, interrupt: false, replies: [] };
}

/** The state with one more command id; the oldest gives way. */
export function rememberCommand<State extends MachineState>(
  state: State,
  commandId: string,
): State {
  return { ...state, commandIds: [...state.commandIds, commandId].slice(-MAX_COMMAND_IDS) };
}

/** Unlike any id of an earlier life of the workflow, which Kafka may still remember; the same in a replay. */
export function newId(kind: string, nowMs: number, ordinal: number): string {
  return `${kind}-${new Date(nowMs).toISOString().replace(/\W/g, '')}-${ordinal}`;
}

/** Who asks, without what makes the request repeatable. */
function requesterOf({ by, reason }: Requester): Omit<Requester, 'commandId'> {
  return { ...(by === undefined ? {} : { by }), ...(reason === undefined ? {} : { reason }) };
}

/** Why an incident cannot be answered that is of a single table. */
function refuseTableIncident({ incidents }: MachineState, incidentId: string): string | undefined {
  const incident = incidents.find(({ id }) => id === incidentId);
  return incident && isOpenStop(incident)
    ? `Incident ${incidentId} is of table ${String(incident.facts['table'])} alone, and no answer cures it: ask for a snapshot of the table when its cause is gone.`
    : undefined;
}

const NOTHING_OPEN = 'There is no open incident to recover from.';

function refuseWrongPhase(name: string, state: MachineState, command: string): string {
  const open = findOpenIncident(state.incidents);
  if (command === 'recover' && !open) return NOTHING_OPEN;
  const cure = open ? ` Answer incident ${open.id} with recover.` : '';
  return `${command} is not possible while the ${name} is ${state.phase}.${cure}`;
}

/** Why an answer does not fit the open incident; `undefined` when it does. */
export function refuseWrongIncident(
  state: MachineState,
  { incidentId, action }: { readonly incidentId: string; readonly action: string },
): string | undefined {
  const open = findOpenIncident(state.incidents);
  if (!open) return NOTHING_OPEN;
  if (incidentId === ANY_INCIDENT && action !== 'retry')
    return `"${ANY_INCIDENT}" stands for any incident with action retry only; the open one is ${open.id}.`;
  return incidentId === open.id || incidentId === ANY_INCIDENT
    ? undefined
    : `The open incident is ${open.id}, not ${incidentId}.`;
}

/** What stops the whole workflow stays stopped until the incident is answered. */
const isStopped = ({ phase }: MachineState): boolean => phase === 'GAP' || phase === 'BLOCKED';

/** The state with an incident for a verdict that stopped it; one at a time is enough. */
export function openIncident<State extends MachineState>(
  state: State,
  verdict: Verdict,
  nowMs: number,
  idPrefix = '',
): State {
  if (!isStopped(state)) return state;
  const tried = endFailing(state, `became ${verdict.kind}`, nowMs);
  return findOpenIncident(tried.incidents) ? tried : withOpened(tried, verdict, nowMs, idPrefix);
}

/** The state with its open incident answered, unless that still holds it up. */
export function closeIncident<State extends MachineState>(
  state: State,
  action: string,
  requester: Requester,
  nowMs: number,
): State {
  if (isStopped(state)) return state;
  const answer = { action, ...requesterOf(requester) };
  return { ...state, incidents: withAnswered(state.incidents, answer, nowMs) };
}
