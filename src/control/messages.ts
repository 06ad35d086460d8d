import { unreachable } from '../change/brand.ts';
import { CASCADES_SELECTOR, parseTablePattern } from '../change/table-pattern.ts';
import type { FailingNotice } from './failing.ts';
import type { PipelineSpec } from './pipeline-spec.ts';
import type { PlacedSpec } from './sink-hosts.ts';
import type { StoppedTables, TableStop } from './stopped-tables.ts';

/** Who asks and why; kept with what was done. `commandId` makes a repeated command harmless. */
export interface Requester {
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
  | ({ readonly kind: 'pause' } & Requester)
  | ({ readonly kind: 'resume' } & Requester)
  | ({ readonly kind: 'applyConfig' } & PlacedSpec & Requester)
  | ({
      readonly kind: 'requestSnapshot';
      readonly snapshotId?: string;
      /** Patterns as in the configuration, or `@cascades`; empty: every captured table. */
      readonly tables: readonly string[];
      /** Workflow that waits for the signal `snapshotDone`. */
      readonly replyTo?: string;
    } & Requester)
  | ({ readonly kind: 'cancelSnapshot'; readonly snapshotId: string } & Requester)
  | ({
      readonly kind: 'recover';
      readonly incidentId: string;
      readonly action: RecoverAction;
      readonly tables: readonly string[];
    } & Requester)
  | ({ readonly kind: 'yieldStream' } & Requester)
  | ({ readonly kind: 'drop'; readonly deleteTopics: boolean } & Requester);

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

/** Commands of a sink, the same way. `resnapshot` begins an empty warehouse and takes every table. */
export type SinkCommand =
  | ({ readonly kind: 'pause' } & Requester)
  | ({ readonly kind: 'resume' } & Requester)
  | ({ readonly kind: 'applyConfig'; readonly spec: PipelineSpec } & Requester)
  | ({
      readonly kind: 'recover';
      readonly incidentId: string;
      readonly action: RecoverAction;
    } & Requester)
  | ({ readonly kind: 'resnapshot' } & Requester)
  | ({ readonly kind: 'stop' } & Requester);

export type SinkCommandKind = SinkCommand['kind'];

export const SINK_COMMAND_KINDS: readonly SinkCommandKind[] = [
  'pause',
  'resume',
  'applyConfig',
  'recover',
  'resnapshot',
  'stop',
];

export type Parsed<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly message: string };

/** What a command is answered with: that it was taken, not that it is done. */
export interface CommandAnswer {
  /** State of the workflow with the command taken. */
  readonly state: string;
  readonly message: string;
  readonly snapshotId?: string;
}

export const STATUS_QUERY = 'status';
export const INCIDENTS_QUERY = 'incidents';
export const CONFIG_QUERY = 'config';

/** Signals from activities to their pipeline. */
export const CAPTURE_STARTED = 'captureStarted';
export const SNAPSHOT_FINISHED = 'snapshotFinished';
/** Signal from a stream or a sink to its workflow. */
export const STOPPED_TABLES = 'stoppedTables';
/** The same, of work that fails and is tried again, and of its end. */
export const FAILING = 'failing';
/** Signal from a stream that ends: where the next one begins. */
export const STREAM_ENDED = 'streamEnded';
/** Signal from a pipeline to the workflow that asked for a snapshot. */
export const SNAPSHOT_DONE = 'snapshotDone';

/** Said when a stream has started, and again when it has applied commands that came while it ran. */
export interface CaptureStarted {
  readonly epoch: number;
  /** Commands that are applied by now. */
  readonly commandIds: readonly string[];
  /** The latest snapshots that are finished, told again in case a crash kept their own notices. */
  readonly finished: readonly SnapshotFinished[];
  /** Task queue of the process that runs the stream, where it takes commands. */
  readonly queue?: string;
}

/** For display; the position that counts is in the positions topic. */
export interface DurablePosition {
  /** Cut where it is long. */
  readonly gtidSet: string;
  readonly file: string;
  readonly pos: number;
  readonly epoch: number;
  readonly commitOrdinal: number;
  readonly writtenAtMs: number;
}

export interface SnapshotFinished {
  readonly snapshotId: string;
  readonly tables: number;
  readonly rows: number;
}

/** How a snapshot ended that a workflow waits for. */
export type SnapshotDone =
  | ({ readonly outcome: 'finished' } & SnapshotFinished)
  /** Not begun, because the pipeline is not streaming: ask again later. */
  | { readonly outcome: 'deferred'; readonly snapshotId: string; readonly reason: string }
  | { readonly outcome: 'cancelled'; readonly snapshotId: string; readonly reason: string };

const MAX_TABLES = 100;
/** All names of one command together; the command is carried in the workflow's state. */
const MAX_TABLES_CHARS = 2_000;
const MAX_ID_CHARS = 100;
const MAX_GTID_CHARS = 500;
const MAX_BY_CHARS = 128;
const MAX_REASON_CHARS = 500;
const MAX_WORKFLOW_ID_CHARS = 250;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a command's payload, which a person may have typed into the Web UI. Only the fields of the
 * command are kept; a missing payload is an empty one.
 */
export function parseCommand(kind: CommandKind, payload: unknown): Parsed<PipelineCommand> {
  return withFields(kind, payload, (fields, requester) => {
    switch (kind) {
      case 'pause':
      case 'resume':
      case 'yieldStream':
        return accept({ kind, ...requester });
      case 'drop':
        return parseDrop(fields, requester);
      case 'cancelSnapshot':
        return map(readId(fields, 'snapshotId', 'cancelSnapshot'), (snapshotId) => ({
          kind,
          snapshotId,
          ...requester,
        }));
      case 'requestSnapshot':
        return parseSnapshotRequest(fields, requester);
      case 'recover':
        return parseRecover(fields, requester);
      case 'applyConfig':
        return parseConfig(fields, requester);
      default:
        return unreachable(kind);
    }
  });
}

/** The same for a command of a sink. */
export function parseSinkCommand(kind: SinkCommandKind, payload: unknown): Parsed<SinkCommand> {
  return withFields(kind, payload, (fields, requester) => {
    switch (kind) {
      case 'pause':
      case 'resume':
      case 'resnapshot':
      case 'stop':
        return accept({ kind, ...requester });
      case 'recover':
        return parseSinkRecover(fields, requester);
      case 'applyConfig':
        return map(readSpec(fields), (spec) => ({ kind, spec, ...requester }));
      default:
        return unreachable(kind);
    }
  });
}

/** Payload of {@link CAPTURE_STARTED}: a person can send any signal, also this one. */
export function parseCaptureStarted(payload: unknown): Parsed<CaptureStarted> {
  return withFields(CAPTURE_STARTED, payload, (fields) => {
    const { epoch, commandIds = [], finished = [], queue } = fields;
    if (!isCount(epoch) || !isTexts(commandIds) || !isSnapshots(finished))
      return refuse(`${CAPTURE_STARTED} needs "epoch", "commandIds" and "finished"`);
    const started = { epoch, commandIds, finished };
    return accept(isText(queue, MAX_ID_CHARS) ? { ...started, queue } : started);
  });
}

export function parseSnapshotFinished(payload: unknown): Parsed<SnapshotFinished> {
  return withFields(SNAPSHOT_FINISHED, payload, ({ snapshotId, tables, rows }) =>
    isSnapshots([{ snapshotId, tables, rows }])
      ? accept({ snapshotId, tables, rows } as SnapshotFinished)
      : refuse(`${SNAPSHOT_FINISHED} needs "snapshotId", "tables" and "rows"`),
  );
}

/** Payload of {@link STOPPED_TABLES}. */
export function parseStoppedTables(payload: unknown): Parsed<StoppedTables> {
  return withFields(STOPPED_TABLES, payload, ({ count, tables }) =>
    isCount(count) && isTableStops(tables)
      ? accept({ count: Math.max(count, tables.length), tables })
      : refuse(`${STOPPED_TABLES} needs "count" and "tables"`),
  );
}

/** Payload of {@link STREAM_ENDED}. */
export function parseStreamEnded(payload: unknown): Parsed<DurablePosition> {
  return withFields(STREAM_ENDED, payload, (fields) => {
    const { gtidSet, file, pos, epoch, commitOrdinal, writtenAtMs } = fields;
    return typeof gtidSet === 'string' &&
      gtidSet.length <= MAX_GTID_CHARS &&
      isText(file, MAX_ID_CHARS) &&
      isCount(pos) &&
      isCount(epoch) &&
      isCount(commitOrdinal) &&
      isCount(writtenAtMs)
      ? accept({ gtidSet, file, pos, epoch, commitOrdinal, writtenAtMs })
      : refuse(`${STREAM_ENDED} needs the fields of a position`);
  });
}

/** Payload of {@link FAILING}. */
export function parseFailing(payload: unknown): Parsed<FailingNotice> {
  return withFields<FailingNotice>(FAILING, payload, (fields) => {
    const { kind, code, message, place, sinceMs, failures } = fields;
    if (kind === 'working') return accept({ kind });
    return isText(code, MAX_ID_CHARS) &&
      isTexts([message, place]) &&
      isCount(sinceMs) &&
      isCount(failures)
      ? accept({
          kind: 'failing',
          code,
          message: String(message),
          place: String(place),
          sinceMs,
          failures,
        })
      : refuse(`${FAILING} needs "kind", "code", "message", "place", "sinceMs" and "failures"`);
  });
}

function isTableStops(value: unknown): value is readonly TableStop[] {
  return (
    Array.isArray(value) &&
    value.every(
      (one) =>
        isRecord(one) &&
        isTexts([one['table'], one['code'], one['reason'], one['position']]) &&
        parseTablePattern(String(one['table'])) !== undefined &&
        (one['sinceMs'] === undefined || isCount(one['sinceMs'])),
    )
  );
}

function isSnapshots(value: unknown): value is readonly SnapshotFinished[] {
  return (
    Array.isArray(value) &&
    value.every(
      (one) =>
        isRecord(one) &&
        typeof one['snapshotId'] === 'string' &&
        isCount(one['tables']) &&
        isCount(one['rows']),
    )
  );
}

/** Payload of {@link SNAPSHOT_DONE}. */
export function parseSnapshotDone(payload: unknown): Parsed<SnapshotDone> {
  return withFields<SnapshotDone>(SNAPSHOT_DONE, payload, (fields) => {
    const { outcome, snapshotId, tables, rows, reason } = fields;
    if (isText(snapshotId, MAX_ID_CHARS)) {
      if (outcome === 'finished' && isCount(tables) && isCount(rows))
        return accept({ outcome, snapshotId, tables, rows });
      if ((outcome === 'deferred' || outcome === 'cancelled') && typeof reason === 'string')
        return accept({ outcome, snapshotId, reason });
    }
    return refuse(`${SNAPSHOT_DONE} needs "outcome", "snapshotId" and what belongs to the outcome`);
  });
}

function withFields<Value>(
  name: string,
  payload: unknown,
  read: (fields: Fields, requester: Requester) => Parsed<Value>,
): Parsed<Value> {
  if (!isRecord(payload ?? {})) return refuse(`${name} takes a JSON object`);
  const fields = isRecord(payload) ? payload : {};
  const requester = readRequester(fields);
  return requester.ok ? read(fields, requester.value) : requester;
}

function parseDrop(fields: Fields, requester: Requester): Parsed<PipelineCommand> {
  const { deleteTopics = false } = fields;
  if (typeof deleteTopics !== 'boolean') return refuse('"deleteTopics" must be true or false');
  return accept({ kind: 'drop', deleteTopics, ...requester });
}

function parseSnapshotRequest(fields: Fields, requester: Requester): Parsed<PipelineCommand> {
  const { snapshotId, replyTo } = fields;
  if (snapshotId !== undefined && !isText(snapshotId, MAX_ID_CHARS))
    return refuse(`"snapshotId" must be a text of at most ${MAX_ID_CHARS} characters`);
  if (replyTo !== undefined && !isText(replyTo, MAX_WORKFLOW_ID_CHARS))
    return refuse('"replyTo" must be a workflow id');
  return map(readTables(fields), (tables) => ({
    kind: 'requestSnapshot',
    tables,
    ...(snapshotId === undefined ? {} : { snapshotId }),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...requester,
  }));
}

function parseRecover(fields: Fields, requester: Requester): Parsed<PipelineCommand> {
  const incident = readId(fields, 'incidentId', 'recover');
  if (!incident.ok) return incident;
  const action = readAction(fields, RECOVER_ACTIONS);
  if (!action.ok) return action;
  return map(readTables(fields), (tables) => ({
    kind: 'recover',
    incidentId: incident.value,
    action: action.value,
    tables,
    ...requester,
  }));
}

function parseSinkRecover(fields: Fields, requester: Requester): Parsed<SinkCommand> {
  const incident = readId(fields, 'incidentId', 'recover');
  if (!incident.ok) return incident;
  const action = readAction({ action: 'retry', ...fields }, RECOVER_ACTIONS);
  if (!action.ok) return action;
  const tables = readTables(fields);
  if (!tables.ok) return tables;
  if (tables.value.length > 0)
    return refuse('"tables" is for an incident of the pipeline; a sink takes every table');
  return accept({
    kind: 'recover',
    incidentId: incident.value,
    action: action.value,
    ...requester,
  });
}

function readAction<Action extends string>(
  { action }: Fields,
  known: readonly Action[],
): Parsed<Action> {
  const choice = known.join(' or ');
  const found = known.find((name) => name === action);
  if (found !== undefined) return accept(found);
  if (typeof action !== 'string') return refuse(`recover needs "action": ${choice}`);
  return refuse(
    LATER_ACTIONS.includes(action)
      ? `action ${action} is not in this version, which has ${known.join(' and ')}`
      : `"action" must be ${choice}`,
  );
}

function readId(fields: Fields, name: string, command: string): Parsed<string> {
  const id = fields[name];
  return isText(id, MAX_WORKFLOW_ID_CHARS) ? accept(id) : refuse(`${command} needs "${name}"`);
}

function parseConfig(fields: Fields, requester: Requester): Parsed<PipelineCommand> {
  const { unplaced } = fields;
  if (unplaced !== undefined && !isTexts(unplaced))
    return refuse('"unplaced" must be a list of sinks');
  return map(readSpec(fields), (spec) => ({
    kind: 'applyConfig',
    spec,
    ...(unplaced === undefined ? {} : { unplaced }),
    ...requester,
  }));
}

function readSpec({ spec }: Fields): Parsed<PipelineSpec> {
  if (isRecord(spec) && spec['v'] === 1 && isText(spec['pipeline'], MAX_ID_CHARS) && isShown(spec))
    // Checked as a whole where the file is read, and by every activity; a workflow has no schema library.
    return accept(spec as unknown as PipelineSpec);
  return refuse('applyConfig needs "spec"; use `sluice apply FILE`, which checks the file first');
}

/** It has what workflows themselves read: the rest is left to the activities, which can refuse it. */
function isShown({ source, kafka, sinks, snapshot, stream }: Fields): boolean {
  return (
    isRecord(source) &&
    isTexts(source['include']) &&
    isRecord(kafka) &&
    isRecord(sinks) &&
    Object.values(sinks).every(isRecord) &&
    isRecord(snapshot) &&
    isRecord(snapshot['schedules']) &&
    isRecord(stream) &&
    isCount(stream['heartbeatTimeoutMs'])
  );
}

const namesTables = (text: string): boolean =>
  text === CASCADES_SELECTOR || parseTablePattern(text) !== undefined;

function readTables({ tables = [] }: Fields): Parsed<readonly string[]> {
  if (!isTexts(tables) || !tables.every(namesTables))
    return refuse(
      '"tables" must be a list of "database.table", where a name with a dot is in backticks',
    );
  if (tables.length > MAX_TABLES)
    return refuse(`"tables" names ${tables.length} tables; name at most ${MAX_TABLES}, or use *`);
  if (tables.join().length > MAX_TABLES_CHARS)
    return refuse(`"tables" is longer than ${MAX_TABLES_CHARS} characters; name fewer, or use *`);
  return accept(tables);
}

const REQUESTER_LIMITS = {
  by: MAX_BY_CHARS,
  reason: MAX_REASON_CHARS,
  commandId: MAX_ID_CHARS,
} as const;

function readRequester(fields: Fields): Parsed<Requester> {
  const requester: Partial<Record<keyof typeof REQUESTER_LIMITS, string>> = {};
  for (const name of ['by', 'reason', 'commandId'] as const) {
    const value = fields[name];
    if (value === undefined) continue;
    if (!isText(value, REQUESTER_LIMITS[name]))
      return refuse(`"${name}" must be a text of 1 to ${REQUESTER_LIMITS[name]} characters`);
    requester[name] = value;
  }
  return accept(requester);
}

const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isText = (value: unknown, maxChars: number): value is string =>
  typeof value === 'string' && value !== '' && value.length <= maxChars;

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((text) => typeof text === 'string');

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function map<From, To>(parsed: Parsed<From>, make: (value: From) => To): Parsed<To> {
  return parsed.ok ? accept(make(parsed.value)) : parsed;
}

function accept<Value>(value: Value): Parsed<Value> {
  return { ok: true, value };
}

function refuse(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}
