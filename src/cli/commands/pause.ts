import { outcomeText } from '../outcome-text.ts';
import { requester } from '../requester.ts';
import { examples, type Verb, withControl } from '../verb.ts';

export const pause: Verb = (program, act) => {
  program
    .command('pause')
    .argument('<pipeline>', 'name of the pipeline')
    .description("Stop capture in order; the position stays. Mind the binlog's retention.")
    .option('--reason <text>', 'kept in the pipeline’s record')
    .addHelpText('after', examples(['sluice pause shop', 'returns when the pipeline has obeyed']))
    .action(
      act(async (surroundings, pipeline: string, { reason }: { readonly reason?: string }) => {
        const receipt = await withControl(surroundings, (control) =>
          control.pause(pipeline, requester(reason)),
        );
        return {
          result: { pipeline, taken: receipt.taken },
          text: outcomeText(
            receipt,
            `Pipeline ${pipeline} is paused; sinks go on until they have everything.`,
          ),
        };
      }),
    );
};
