import { outcomeText } from '../outcome-text.ts';
import { requester } from '../requester.ts';
import { examples, type Verb, withControl } from '../verb.ts';

interface Options {
  readonly sink?: string;
  readonly reason?: string;
}

export const pause: Verb = (program, act) => {
  program
    .command('pause')
    .argument('<pipeline>', 'name of the pipeline')
    .description("Stop capture in order; the position stays. Mind the binlog's retention.")
    .option('--sink <name>', 'pause this sink alone; capture goes on')
    .option('--reason <text>', 'kept in the pipeline’s record')
    .addHelpText(
      'after',
      examples(
        ['sluice pause shop', 'returns when the pipeline has obeyed'],
        ['sluice pause shop --sink warehouse', 'topics go on, the warehouse stands still'],
      ),
    )
    .action(
      act(async (surroundings, pipeline: string, { sink, reason }: Options) => {
        const request = { ...(sink !== undefined && { sink }), ...requester(reason) };
        const receipt = await withControl(surroundings, (control) =>
          control.pause(pipeline, request),
        );
        return {
          result: { pipeline, ...(sink !== undefined && { sink }), taken: receipt.taken },
          text: outcomeText(
            receipt,
            sink === undefined
              ? `Pipeline ${pipeline} is paused; sinks go on until they have everything.`
              : `Sink ${sink} of ${pipeline} is paused. Mind the retention of the topics.`,
          ),
        };
      }),
    );
};
