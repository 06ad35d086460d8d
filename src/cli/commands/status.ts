import type { PipelineView } from '../../temporal/pipeline-view.ts';
import { statusBlock, statusRow } from '../status-text.ts';
import { table } from '../table.ts';
import { examples, type Verb, withControl } from '../verb.ts';

export const status: Verb = (program, act) => {
  program
    .command('status')
    .argument('[pipeline]', 'name of the pipeline; all of them when left out')
    .description('Show state, position, lag, snapshot, sinks and open incidents.')
    .addHelpText(
      'after',
      examples(
        ['sluice status', 'one line a pipeline'],
        ['sluice status shop', 'everything about one'],
        ['sluice status shop --json', 'the same for a program'],
      ),
    )
    .action(
      act(async (surroundings, pipeline: string | undefined) => {
        if (pipeline === undefined) {
          const pipelines = await withControl(surroundings, (control) => control.list());
          return { result: { pipelines }, text: listText(pipelines) };
        }
        const one = await withControl(surroundings, (control) => control.status(pipeline));
        return { result: one, text: statusBlock(one, Date.now()) };
      }),
    );
};

function listText(pipelines: readonly PipelineView[]): string {
  if (pipelines.length === 0) return 'No pipelines. Start one with: sluice apply FILE';
  const nowMs = Date.now();
  return table(
    ['PIPELINE', 'STATE', 'SINCE', 'LAG', 'ROWS/S', 'SNAPSHOT', 'SINKS'],
    pipelines.map((pipeline) => statusRow(pipeline, nowMs)),
  );
}
