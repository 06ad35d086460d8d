import { confirm } from '../confirm.ts';
import { outcomeText } from '../outcome-text.ts';
import { requester } from '../requester.ts';
import { examples, type Verb, withControl } from '../verb.ts';

interface Options {
  readonly deleteTopics?: boolean;
  readonly reason?: string;
  readonly yes?: boolean;
}

export const drop: Verb = (program, act) => {
  program
    .command('drop')
    .argument('<pipeline>', 'name of the pipeline')
    .description(
      'End a pipeline for good. Warehouse tables stay, and topics unless said otherwise.',
    )
    .option('--delete-topics', 'delete its topics and its position too')
    .option('--reason <text>', 'kept in the pipeline’s record')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      examples(
        ['sluice drop shop', 'shows the plan and wants the name typed'],
        ['sluice drop shop --delete-topics --yes', 'for scripts that start afresh'],
      ),
    )
    .action(
      act(async (surroundings, pipeline: string, options: Options) => {
        const { deleteTopics = false, reason, yes = false } = options;
        const { console, signal } = surroundings;
        await confirm(
          console,
          { steps: planOf(pipeline, deleteTopics), name: pipeline, yes },
          signal,
        );
        const request = { deleteTopics, ...requester(reason) };
        const receipt = await withControl(surroundings, (control) =>
          control.drop(pipeline, request),
        );
        const { taken } = receipt;
        return {
          result: { pipeline, taken, deleteTopics },
          text: outcomeText(
            receipt,
            `Pipeline ${pipeline} is being dropped; it is gone when sluice status no longer lists it.`,
          ),
        };
      }),
    );
};

const planOf = (pipeline: string, deleteTopics: boolean): readonly string[] => [
  `Capture of ${pipeline} ends behind the batch under way, and its sinks and schedules end with it.`,
  deleteTopics
    ? 'Its topics and its position are deleted: what consumers have not read is gone.'
    : 'Topics and position stay; delete them yourself when they are no longer wanted.',
  'Warehouse tables stay.',
];
