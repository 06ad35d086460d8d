import type { DurablePosition } from '../control/messages.ts';
import { type StoppedTables, snapshotCommand } from '../control/stopped-tables.ts';
import type {
  PipelineProgress,
  SinkProgress,
  SnapshotProgress,
} from '../observability/progress.ts';
import type { IncidentView, PipelineView, SinkView } from '../temporal/pipeline-view.ts';
import { count } from './amounts.ts';

const BAR_CELLS = 20;
const NOTHING_YET = '-';

/** Everything about a pipeline in a block a person reads from top to bottom. */
export function statusBlock(status: PipelineView, nowMs: number): string {
  const { pipeline, progress, incident } = status;
  const lines: string[] = [
    ...field('pipeline', pipeline),
    ...field('state', stateText(status, nowMs)),
    ...field('since', `${localTime(status.sinceMs)} (${duration(nowMs - status.sinceMs)})`),
    ...positionLines(status.position, nowMs),
    ...(progress ? progressLines(progress) : []),
    ...stoppedLines(pipeline, status.stopped, 'stopped'),
    ...status.sinks.flatMap((sink) => [
      ...field(`sink ${sink.name}`, sinkText(sink, nowMs)),
      ...stoppedLines(pipeline, sink.stopped, ''),
    ]),
  ];
  const open = [incident, ...status.sinks.map((sink) => sink.incident)].filter(
    (one) => one !== undefined,
  );
  for (const one of open) lines.push('', ...incidentLines(pipeline, one));
  return lines.join('\n');
}

/** One line of the list: name, state, since, lag, rows/s, snapshot, sinks. */
export function statusRow(
  { pipeline, state, sinceMs, progress, stopped, sinks, incident, waitingSinceMs }: PipelineView,
  nowMs: number,
): readonly string[] {
  return [
    pipeline,
    `${state}${incident ? ` (${incident.code})` : waitsText(waitingSinceMs)}${stoppedText(stopped)}`,
    duration(nowMs - sinceMs),
    progress ? duration(progress.lagMs) : NOTHING_YET,
    progress ? count(progress.rowsPerSecond) : NOTHING_YET,
    progress?.snapshot
      ? `${progress.snapshot.tablesDone}/${progress.snapshot.tablesTotal} tables`
      : NOTHING_YET,
    sinks.map((sink) => `${sink.name} ${sinkCell(sink)}${stoppedText(sink.stopped)}`).join(', ') ||
      NOTHING_YET,
  ];
}

/** State and code of what is wrong, or how far a sink is behind that works. */
function sinkCell({ state, progress, incident, reason, waitingSinceMs }: SinkView): string {
  if (incident) return `${state} (${incident.code})`;
  if (waitingSinceMs !== undefined) return `${state}${waitsText(waitingSinceMs)}`;
  if (state !== 'RUNNING' || !progress) return state;
  return reason === undefined ? duration(progress.lagMs) : `${state} (tries again)`;
}

const waitsText = (sinceMs: number | undefined): string =>
  sinceMs === undefined ? '' : ' (waits for a worker)';

/** An open incident with the commands that answer or cure it, ready to paste. */
export function incidentLines(
  pipeline: string,
  { id, code, message, openedAtMs, actions, table }: IncidentView,
): readonly string[] {
  return [
    `${id}  ${code}  open since ${localTime(openedAtMs)}`,
    ...message.split('\n').map((line) => `  ${line}`),
    ...actions.map(
      (action) => `  $ sluice recover ${pipeline} --incident ${id} --action ${action}`,
    ),
    ...(table === undefined ? [] : [`  $ ${snapshotCommand(pipeline, table)}`]),
    `  $ sluice explain ${code}`,
  ];
}

function positionLines(position: DurablePosition | undefined, nowMs: number): readonly string[] {
  if (!position) return field('position', 'none reported yet');
  const { gtidSet, file, pos, epoch, commitOrdinal, writtenAtMs } = position;
  const age = duration(nowMs - writtenAtMs);
  return [
    ...field(
      'position',
      `${file}:${pos}, commit ${count(commitOrdinal)}, epoch ${epoch}, written ${age} ago`,
    ),
    ...field('gtid set', gtidSet || '(empty)'),
  ];
}

function progressLines(progress: PipelineProgress): readonly string[] {
  const { snapshot } = progress;
  return [
    ...field('lag', duration(progress.lagMs)),
    ...(progress.purgeInMs === undefined ? [] : field('purged in', duration(progress.purgeInMs))),
    ...field('rows/s', count(progress.rowsPerSecond)),
    ...(snapshot ? field('snapshot', snapshotText(snapshot)) : []),
  ];
}

function snapshotText({
  table,
  rows,
  estimatedRows,
  rowsPerSecond,
  etaSeconds,
  tablesDone,
  tablesTotal,
}: SnapshotProgress): string {
  const part = estimatedRows > 0 ? Math.min(1, rows / estimatedRows) : 0;
  const filled = Math.round(part * BAR_CELLS);
  const eta = etaSeconds === undefined ? '' : `, about ${duration(etaSeconds * 1_000)} left`;
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)} ${Math.floor(part * 100)} % of ${table}, ${count(rows)} of about ${count(estimatedRows)} rows, ${count(rowsPerSecond)} rows/s${eta}; ${tablesDone} of ${tablesTotal} tables done`;
}

/** With the reason, and with how long the work has been waiting for a worker when it is. */
function stateText(
  { state, reason, waitingSinceMs }: Pick<SinkView, 'state' | 'reason' | 'waitingSinceMs'>,
  nowMs: number,
): string {
  if (waitingSinceMs === undefined) return reason === undefined ? state : `${state} (${reason})`;
  const waits = `waits for a worker since ${localTime(waitingSinceMs)}, ${duration(nowMs - waitingSinceMs)}`;
  return `${state} (${waits}${reason === undefined ? '' : `: ${reason}`})`;
}

function sinkText(sink: SinkView, nowMs: number): string {
  const { progress } = sink;
  const shown = stateText(sink, nowMs);
  if (!progress) return shown;
  return `${shown}, ${duration(progress.lagMs)} behind, complete up to commit ${count(progress.cutOrdinal)}, ${count(progress.rows)} rows${refusedText(progress)}${leftText(progress)}`;
}

/** Stopped tables, each with what stopped it and what cures it; the others go on. */
function stoppedLines(
  pipeline: string,
  stopped: StoppedTables | undefined,
  label: string,
): readonly string[] {
  if (!stopped) return [];
  const { count: all, tables } = stopped;
  return [
    ...field(label, `${tableCount(all)} stopped, the others go on`),
    ...tables.flatMap(({ table, code, reason, position, sinceMs }) => [
      ...field(
        '',
        `${table}${sinceMs === undefined ? '' : ` since ${localTime(sinceMs)}`}: ${code} at ${position}: ${reason}`,
      ),
      ...field('', `  $ ${snapshotCommand(pipeline, table)}`),
    ]),
    ...(tables.length < all ? field('', `and ${tableCount(all - tables.length)} more`) : []),
    ...field('', 'when the cause is gone; what it is: sluice explain CODE'),
  ];
}

function stoppedText(stopped: StoppedTables | undefined): string {
  return stopped ? ` (${tableCount(stopped.count)} stopped)` : '';
}

const tableCount = (tables: number): string => `${count(tables)} table${tables === 1 ? '' : 's'}`;

function refusedText({ refusedRows }: SinkProgress): string {
  return refusedRows === undefined ? '' : `, ${count(refusedRows)} refused (see _cdc_rejects)`;
}

function leftText({ recordsLeft }: SinkProgress): string {
  return recordsLeft === undefined ? '' : `, ${count(recordsLeft)} records before the next cut`;
}

const LABEL_WIDTH = 14;
const field = (label: string, text: string): readonly string[] => [
  `${label.padEnd(LABEL_WIDTH)}  ${text}`,
];

/** `2026-11-23 04:05:06`, in the terminal's time zone. */
export function localTime(ms: number): string {
  return new Date(ms).toLocaleString('sv-SE');
}

/** Two units at most: `350 ms`, `12.5 s`, `4 m 5 s`, `2 h 3 m`, `5 d 1 h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${Math.floor(ms / 100) / 10} s`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
  if (seconds < 86_400)
    return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} m`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3_600)} h`;
}
