import { readPipelineFile } from '../../config/pipeline-file.ts';
import { outcomeText } from '../outcome-text.ts';
import { examples, type Verb, withControl } from '../verb.ts';

export const apply: Verb = (program, act) => {
  program
    .command('apply')
    .argument('<file>', 'pipeline file (docs/configuration.md)')
    .description('Start a pipeline, or change a running one to what the file says.')
    .addHelpText(
      'after',
      examples(
        [
          'sluice apply shop.yaml',
          'validates the file, then starts or changes the pipeline it names',
        ],
        ['sluice check shop.yaml', 'looks at the servers first'],
      ),
    )
    .action(
      act(async (surroundings, file: string) => {
        const spec = await readPipelineFile(file);
        const receipt = await withControl(surroundings, (control) => control.apply(spec));
        const { workflowId, created, taken } = receipt;
        const done = created
          ? `Pipeline ${spec.pipeline} is started; watch it with: sluice status ${spec.pipeline}`
          : `Pipeline ${spec.pipeline} has its new configuration.`;
        return {
          result: { pipeline: spec.pipeline, workflowId, created, taken },
          text: outcomeText(receipt, done),
        };
      }),
    );
};
