import { confirm } from '../confirm.ts';
import { requester } from '../requester.ts';
import { examples, type Verb, withControl } from '../verb.ts';

interface Options {
  readonly reason?: string;
  readonly yes?: boolean;
}

export const drop: Verb = (program, act) => {
  program
    .command('drop')
    .argument('<pipeline>', 'name of the pipeline')
    .description('End a pipeline for good. Topics and warehouse tables stay.')
    .option('--reason <text>', 'kept in the pipeline’s record')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      examples(
        ['sluice drop shop', 'shows the plan and wants the name typed'],
        ['sluice drop shop --yes', 'for scripts'],
      ),
    )
    .action(
      act(async (surroundings, pipeline: string, { reason, yes = false }: Options) => {
        const { console, signal } = surroundings;
        await confirm(console, { steps: planOf(pipeline), name: pipeline, yes }, signal);
        await withControl(surroundings, (control) => control.drop(pipeline, requester(reason)));
        return { result: { pipeline, dropped: true }, text: `Pipeline ${pipeline} is dropped.` };
      }),
    );
};

const planOf = (pipeline: string): readonly string[] => [
  `Capture of ${pipeline} ends behind the batch under way, and its sinks and schedules end with it.`,
  'Topics, positions and warehouse tables stay; delete them yourself when they are no longer wanted.',
];
