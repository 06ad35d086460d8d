import { findOpenIncident, type Incident } from './incident.ts';
import { pipelineWorkflowId, sinkWorkflowId } from './names.ts';
import type { PipelineState } from './pipeline-state.ts';
import type { Refusal } from './refusal.ts';
import type { SinkState } from './sink-state.ts';
import type { MachineState } from './state-machine.ts';
import { snapshotCommand, stoppedTablesOf } from './stopped-tables.ts';

/** The workflow's current details: what is going on, and what to type next. Markdown. */
export function pipelineDetails(state: PipelineState): string {
  const { spec, phase, sinceMs, snapshots } = state;
  const { pipeline, source, kafka, sinks } = spec;
  const from = `${source.host}:${source.port} (${source.include.join(', ')})`;
  const into = Object.keys(sinks).join(', ') || 'no sink';
  const incident = findOpenIncident(state.incidents);
  return lines(
    `**${phase}** since ${utc(sinceMs)}${becauseText(state)}`,
    `${from} → topics \`${kafka.prefix}.*\` → ${into}`,
    snapshots.length > 0 &&
      `Snapshots asked for: ${snapshots.map(({ snapshotId }) => snapshotId).join(', ')}`,
    phase === 'STREAMING' &&
      `Live numbers: pending activity \`streamBinlog\`, or ${code(`sluice status ${pipeline}`)}`,
    phase === 'PAUSED' && code(`sluice resume ${pipeline}`),
    incident && incidentText(incident, pipelineRecovery(pipeline, incident)),
    stoppedText(pipeline, state),
    ...state.refusals.map(refusalText),
  );
}

/** The same for the workflow of a sink. */
export function sinkDetails(state: SinkState): string {
  const { spec, sinkName, phase, sinceMs } = state;
  const workflowId = sinkWorkflowId(spec.pipeline, sinkName);
  const incident = findOpenIncident(state.incidents);
  return lines(
    `**${phase}** since ${utc(sinceMs)}${becauseText(state)}`,
    `topics \`${spec.kafka.prefix}.*\` → ${spec.sinks[sinkName]?.kind ?? 'a removed sink'} \`${sinkName}\``,
    snapshotText(state),
    phase === 'PAUSED' && code(`temporal workflow signal -w ${workflowId} --name resume`),
    incident && incidentText(incident, sinkRecovery(spec.pipeline, workflowId, incident)),
    stoppedText(spec.pipeline, state),
    ...state.refusals.map(refusalText),
  );
}

function snapshotText({ snapshot }: SinkState): string | false {
  switch (snapshot?.state) {
    case 'needed':
      return `Asks the pipeline for snapshot ${snapshot.id}${snapshot.deferral === undefined ? '' : `, which was put off: ${snapshot.deferral}`}`;
    case 'asked':
      return `Tables are incomplete until snapshot ${snapshot.id} has passed them`;
    case 'finished':
    case undefined:
      return false;
  }
}

/** Ready to paste: the command line, and the plain signal for when it is not at hand. */
function pipelineRecovery(pipeline: string, { id }: Incident): readonly string[] {
  return [
    `sluice recover ${pipeline} --incident ${id} --action retry`,
    `sluice recover ${pipeline} --incident ${id} --action resnapshot`,
    recoverSignal(pipelineWorkflowId(pipeline), id, 'retry'),
    recoverSignal(pipelineWorkflowId(pipeline), id, 'resnapshot'),
  ];
}

function sinkRecovery(pipeline: string, workflowId: string, { id }: Incident): readonly string[] {
  return [
    `sluice recover ${pipeline} --incident ${id} --action retry`,
    `sluice recover ${pipeline} --incident ${id} --action resnapshot`,
    recoverSignal(workflowId, id, 'retry'),
    recoverSignal(workflowId, id, 'resnapshot'),
  ];
}

function recoverSignal(workflowId: string, incidentId: string, action: string): string {
  const payload = JSON.stringify({ incidentId, action, by: 'your-name', reason: 'why' });
  return `temporal workflow signal -w ${workflowId} --name recover --input '${payload}'`;
}

/** The tables that have stopped while the others go on, each with what to type when its cause is gone. */
function stoppedText(pipeline: string, state: MachineState): string | false {
  const stopped = stoppedTablesOf(state);
  if (!stopped) return false;
  const { count, tables } = stopped;
  const rows = tables.map(
    ({ table, code, reason, position, sinceMs = 0 }) =>
      `| ${cells(table, code, reason, position, utc(sinceMs))} |`,
  );
  const more = count > tables.length && `and ${count - tables.length} more`;
  return lines(
    `### ${count} ${count === 1 ? 'table has' : 'tables have'} stopped, the others go on`,
    ['| table | code | reason | where | since |', '| --- | --- | --- | --- | --- |', ...rows].join(
      '\n',
    ),
    more,
    'When the cause is gone (`sluice explain CODE`):',
    ['```', ...tables.map(({ table }) => snapshotCommand(pipeline, table)), '```'].join('\n'),
  );
}

const cells = (...texts: readonly string[]): string =>
  texts
    .map((text) => text.replaceAll(/[|\n]/g, (char) => (char === '|' ? '\\|' : ' ')))
    .join(' | ');

function incidentText(incident: Incident, commands: readonly string[]): string {
  const facts = Object.entries(incident.facts).map(
    ([name, value]) => `| ${name} | ${String(value).replaceAll('|', '\\|') || '(empty)'} |`,
  );
  const table = facts.length === 0 ? [] : ['', '| fact | |', '| --- | --- |', ...facts];
  return [
    `### Incident ${incident.id}: ${incident.code}`,
    '',
    incident.message,
    ...table,
    '',
    `\`sluice explain ${incident.code}\` says more. Answer with one of:`,
    '',
    '```',
    ...commands,
    '```',
  ].join('\n');
}

function becauseText({ because }: MachineState): string {
  if (!because) return '';
  const who = because.by === undefined ? '' : ` by ${because.by}`;
  const why = because.reason === undefined ? '' : `: ${because.reason}`;
  return `, ${because.command}${who}${why}`;
}

function refusalText({ atMs, text }: Refusal): string {
  return `Signal refused at ${utc(atMs)}: ${text}`;
}

const lines = (...parts: readonly (string | false | undefined)[]): string =>
  parts.filter((part) => typeof part === 'string').join('\n\n');

const code = (text: string): string => `\`${text}\``;

const utc = (ms: number): string => new Date(ms).toISOString();
