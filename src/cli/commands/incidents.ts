import type { IncidentView } from '../../temporal/pipeline-view.ts';
import { incidentLines, localTime } from '../status-text.ts';
import { examples, type Verb, withControl } from '../verb.ts';

export const incidents: Verb = (program, act) => {
  program
    .command('incidents')
    .argument('<pipeline>', 'name of the pipeline')
    .description(
      'List what went wrong, newest first, with the commands that answer what is still open.',
    )
    .addHelpText('after', examples(['sluice incidents shop', 'open and closed incidents']))
    .action(
      act(async (surroundings, pipeline: string) => {
        const found = await withControl(surroundings, (control) => control.incidents(pipeline));
        const newestFirst = found.toSorted((a, b) => b.openedAtMs - a.openedAtMs);
        const text = newestFirst.map((incident) => incidentText(pipeline, incident)).join('\n\n');
        return {
          result: { pipeline, incidents: newestFirst },
          text: text || `${pipeline} has no incidents.`,
        };
      }),
    );
};

function incidentText(pipeline: string, incident: IncidentView): string {
  if (incident.closedAtMs === undefined) return incidentLines(pipeline, incident).join('\n');
  return `${incident.id}  ${incident.code}  opened ${localTime(incident.openedAtMs)}, closed ${localTime(incident.closedAtMs)}\n  ${incident.message}`;
}
