import { outcomeText } from '../outcome-text.ts';
import { requester } from '../requester.ts';
import { examples, type Verb, withControl } from '../verb.ts';

interface Options {
  readonly sink?: string;
  readonly reason?: string;
}

export const resume: Verb = (program, act) => {
  program
    .command('resume')
    .argument('<pipeline>', 'name of the pipeline')
    .description(
      'Let a paused or blocked pipeline go on where it stopped, or a failing one try again at once.',
    )
    .option('--sink <name>', 'resume this sink alone')
    .option('--reason <text>', 'kept in the pipeline’s record')
    .addHelpText(
      'after',
      examples(
        ['sluice resume shop', 'returns when the pipeline has obeyed'],
        ['sluice resume shop --sink warehouse', 'the warehouse catches up'],
      ),
    )
    .action(
      act(async (surroundings, pipeline: string, { sink, reason }: Options) => {
        const request = { ...(sink !== undefined && { sink }), ...requester(reason) };
        const receipt = await withControl(surroundings, (control) =>
          control.resume(pipeline, request),
        );
        const what = sink === undefined ? `Pipeline ${pipeline}` : `Sink ${sink} of ${pipeline}`;
        return {
          result: { pipeline, ...(sink !== undefined && { sink }), taken: receipt.taken },
          text: outcomeText(receipt, `${what} goes on.`),
        };
      }),
    );
};
