import { readPlacedFile } from '../../config/pipeline-file.ts';
import type { SinkPlace } from '../../temporal/sink-places.ts';
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
        const applied = await readPlacedFile(file);
        const receipt = await withControl(surroundings, (control) => control.apply(applied));
        const { spec } = applied;
        const { workflowId, created, taken, places } = receipt;
        const done = created
          ? `Pipeline ${spec.pipeline} is started; watch it with: sluice status ${spec.pipeline}`
          : `Pipeline ${spec.pipeline} has its new configuration.`;
        return {
          result: { pipeline: spec.pipeline, workflowId, created, taken, places },
          text: [outcomeText(receipt, done), ...places.flatMap(placeLines)].join('\n'),
        };
      }),
    );
};

/** Where the sink's file is, and what has to be done for the sink to run there. */
function placeLines({ sink, host, isServed, formerHost }: SinkPlace): readonly string[] {
  const unserved = `and no worker serves it: start sluice worker there (with --host ${host} if its name is another), or name another in the file: sinks.${sink}.host`;
  return [
    `Sink ${sink} is on host ${host}${isServed ? '' : `, ${unserved}`}.`,
    ...(formerHost === undefined
      ? []
      : [
          `It was on host ${formerHost}, and its file is there. The sink stops until you have moved the file to ${host} and answered its incident with retry; resnapshot begins an empty warehouse instead.`,
        ]),
  ];
}
