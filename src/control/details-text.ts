import { openIncident } from './incident.ts';
import { pipelineWorkflowId } from './names.ts';
import type { PipelineState } from './pipeline-state.ts';

/** The workflow's current details: what is going on, and what to type next. Markdown. */
export function pipelineDetails(state: PipelineState): string {
  const { pipeline, source, kafka } = state.spec;
  const lines = [
    `**${state.phase}** since ${new Date(state.sinceMs).toISOString()}`,
    '',
    `${source.host}:${source.port} (${source.include.join(', ')}) → topics \`${kafka.prefix}.*\` → ${Object.keys(state.spec.sinks).join(', ') || 'no sink'}`,
  ];
  const incident = openIncident(state.incidents);
  if (incident) {
    lines.push('', `### Incident ${incident.id}: ${incident.code}`, '', incident.message, '');
    lines.push(
      'Answer it with one of:',
      '',
      '```',
      ...recoverCommands(pipeline, incident.id),
      '```',
    );
  }
  if (state.phase === 'PAUSED') lines.push('', `\`sluice resume ${pipeline}\``);
  for (const { atMs, text } of state.refusals)
    lines.push('', `Signal refused at ${new Date(atMs).toISOString()}: ${text}`);
  return lines.join('\n');
}

/** Ready to paste: the command line, and the plain signal for when it is not at hand. */
function recoverCommands(pipeline: string, incidentId: string): readonly string[] {
  const payload = JSON.stringify({
    incidentId,
    action: 'resnapshot',
    by: 'your-name',
    reason: 'why',
  });
  return [
    `sluice recover ${pipeline} --incident ${incidentId} --action resnapshot`,
    `sluice recover ${pipeline} --incident ${incidentId} --action retry`,
    `temporal workflow signal -w ${pipelineWorkflowId(pipeline)} --name recover --input '${payload}'`,
  ];
}
