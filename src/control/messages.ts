import type { PipelineSpec } from './pipeline-spec.ts';

/** Who asks and why; kept with what was done. `commandId` makes a repeated command harmless. */
export interface Asked {
  readonly by?: string;
  readonly reason?: string;
  readonly commandId?: string;
}

/** What `recover` can do in this version. */
export const RECOVER_ACTIONS = ['retry', 'resnapshot'] as const;
export type RecoverAction = (typeof RECOVER_ACTIONS)[number];
const LATER_ACTIONS: readonly string[] = ['reconcile', 'resumeAt', 'skipGtids'];

/** Commands of a pipeline: each is an update and a signal of the same name and payload. */
export type PipelineCommand =
  | ({ readonly kind: 'pause' } & Asked)
  | ({ readonly kind: 'resume' } & Asked)
  | ({ readonly kind: 'applyConfig'; readonly spec: PipelineSpec } & Asked)
  | ({
      readonly kind: 'requestSnapshot';
      readonly snapshotId?: string;
      /** `database.table` each; empty: every captured table. */
      readonly tables: readonly string[];
      /** Workflow that waits for the signal `snapshotDone`. */
      readonly replyTo?: string;
    } & Asked)
  | ({ readonly kind: 'cancelSnapshot'; readonly snapshotId: string } & Asked)
  | ({
      readonly kind: 'recover';
      readonly incidentId: string;
      readonly action: RecoverAction;
      readonly tables: readonly string[];
    } & Asked)
  | ({ readonly kind: 'yieldStream' } & Asked)
  | ({ readonly kind: 'drop'; readonly deleteTopics: boolean } & Asked);

export type CommandKind = PipelineCommand['kind'];

export const COMMAND_KINDS: readonly CommandKind[] = [
  'pause',
  'resume',
  'applyConfig',
  'requestSnapshot',
  'cancelSnapshot',
  'recover',
  'yieldStream',
  'drop',
];

export type Parsed<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly message: string };

/** What a command is answered with. */
export interface CommandAnswer {
  readonly state: string;
  readonly message: string;
  readonly snapshotId?: string;
}

/** Signals from activities to their pipeline. */
export const CAPTURE_STARTED = 'captureStarted';
export const SNAPSHOT_FINISHED = 'snapshotFinished';
/** Signal from a pipeline to the workflow that asked for a snapshot. */
export const SNAPSHOT_DONE = 'snapshotDone';

export interface CaptureStarted {
  readonly epoch: number;
  /** Commands that the stream was started with, applied by now. */
  readonly commandIds: readonly string[];
}

export interface SnapshotFinished {
  readonly snapshotId: string;
  readonly tables: number;
  readonly rows: number;
}

/**
 * Reads a command's payload, which a person may have typed into the Web UI. Only the fields of the
 * command are kept; a missing payload is an empty one.
 */
export function parseCommand(kind: CommandKind, payload: unknown): Parsed<PipelineCommand> {
  if (
    payload !== undefined &&
    payload !== null &&
    (typeof payload !== 'object' || Array.isArray(payload))
  )
    return refuse(`${kind} takes a JSON object`);
  const fields = (payload ?? {}) as Readonly<Record<string, unknown>>;
  const asked = readAsked(fields);
  if (!asked.ok) return asked;
  switch (kind) {
    case 'pause':
    case 'resume':
    case 'yieldStream':
      return accept({ kind, ...asked.value });
    case 'drop':
      return accept({ kind, deleteTopics: fields['deleteTopics'] === true, ...asked.value });
    case 'cancelSnapshot': {
      const snapshotId = fields['snapshotId'];
      if (typeof snapshotId !== 'string' || snapshotId === '')
        return refuse('cancelSnapshot needs "snapshotId"');
      return accept({ kind, snapshotId, ...asked.value });
    }
    case 'requestSnapshot':
      return parseSnapshotRequest(fields, asked.value);
    case 'recover':
      return parseRecover(fields, asked.value);
    case 'applyConfig': {
      const spec = fields['spec'];
      if (typeof spec !== 'object' || spec === null || !('pipeline' in spec))
        return refuse('applyConfig needs "spec"; use `sluice apply FILE`, which checks it first');
      return accept({ kind, spec: spec as PipelineSpec, ...asked.value });
    }
  }
}

function parseSnapshotRequest(
  fields: Readonly<Record<string, unknown>>,
  asked: Asked,
): Parsed<PipelineCommand> {
  const tables = readTables(fields);
  if (!tables.ok) return tables;
  const { snapshotId, replyTo } = fields;
  return accept({
    kind: 'requestSnapshot',
    tables: tables.value,
    ...(typeof snapshotId === 'string' ? { snapshotId } : {}),
    ...(typeof replyTo === 'string' ? { replyTo } : {}),
    ...asked,
  });
}

function parseRecover(
  fields: Readonly<Record<string, unknown>>,
  asked: Asked,
): Parsed<PipelineCommand> {
  const { incidentId, action } = fields;
  if (typeof incidentId !== 'string' || incidentId === '')
    return refuse('recover needs "incidentId": the id of the open incident');
  if (typeof action !== 'string')
    return refuse(`recover needs "action": ${RECOVER_ACTIONS.join(' or ')}`);
  const known = RECOVER_ACTIONS.find((name) => name === action);
  if (!known)
    return refuse(
      LATER_ACTIONS.includes(action)
        ? `action ${action} is not in this version; it has ${RECOVER_ACTIONS.join(' and ')}`
        : `action must be ${RECOVER_ACTIONS.join(' or ')}`,
    );
  const tables = readTables(fields);
  if (!tables.ok) return tables;
  return accept({ kind: 'recover', incidentId, action: known, tables: tables.value, ...asked });
}

function readTables(fields: Readonly<Record<string, unknown>>): Parsed<readonly string[]> {
  const tables = fields['tables'] ?? [];
  if (
    !Array.isArray(tables) ||
    !tables.every((table) => typeof table === 'string' && table.includes('.'))
  )
    return refuse('"tables" must be a list of "database.table"');
  return accept(tables as readonly string[]);
}

function readAsked(fields: Readonly<Record<string, unknown>>): Parsed<Asked> {
  const asked: Record<string, string> = {};
  for (const name of ['by', 'reason', 'commandId'] as const) {
    const value = fields[name];
    if (value === undefined) continue;
    if (typeof value !== 'string' || value.length > 500)
      return refuse(`"${name}" must be a text of at most 500 characters`);
    asked[name] = value;
  }
  return accept(asked);
}

function accept<Value>(value: Value): Parsed<Value> {
  return { ok: true, value };
}

function refuse(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}
