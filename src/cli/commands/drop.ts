import { SluiceError } from '../../errors/error.ts';
import { confirm } from '../confirm.ts';
import { outcomeText } from '../outcome-text.ts';
import { requester } from '../requester.ts';
import { secretScope } from '../secret-scope.ts';
import {
  configOf,
  examples,
  type Surroundings,
  unlessInterrupted,
  type Verb,
  withControl,
} from '../verb.ts';

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
        [
          'sluice drop shop --delete-topics --yes',
          'for scripts; its warehouses stay, and one of them refuses a pipeline that begins anew',
        ],
      ),
    )
    .action(
      act(async (surroundings, pipeline: string, options: Options) => {
        const { deleteTopics = false, reason, yes = false } = options;
        const { console, signal } = surroundings;
        const topics = deleteTopics ? await topicLines(surroundings, pipeline) : [];
        const steps = [...planOf(pipeline, deleteTopics), ...topics];
        await confirm(console, { steps, name: pipeline, yes }, signal);
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
    ? 'The topics that it has written to, and its position, are deleted: what consumers have not read is gone.'
    : 'Topics and position stay; delete them yourself when they are no longer wanted.',
  'Warehouse tables stay.',
];

const MAX_LISTED = 50;

/** The topics that go, as the pipeline's own record names them; or why they cannot be named from here. */
async function topicLines(
  surroundings: Surroundings,
  pipeline: string,
): Promise<readonly string[]> {
  const { ports, temporal, env, signal } = surroundings;
  try {
    const spec = await configOf(surroundings, pipeline);
    const topics = await unlessInterrupted(
      ports.pipelineTopics(spec, temporal.namespace, await secretScope(env)),
      signal,
    );
    const more = topics.length - MAX_LISTED;
    return [
      `These are ${topics.length} topics:`,
      ...topics.slice(0, MAX_LISTED).map((topic) => `  ${topic}`),
      ...(more > 0 ? [`  and ${more} more`] : []),
    ];
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return [`Which topics these are cannot be told from here: ${error.message}`];
  }
}
