import { outcomeText } from '../outcome-text.ts';
import { requester } from '../requester.ts';
import { examples, type Verb, withControl } from '../verb.ts';

export const resume: Verb = (program, act) => {
  program
    .command('resume')
    .argument('<pipeline>', 'name of the pipeline')
    .description('Let a paused pipeline go on where it stopped.')
    .option('--reason <text>', 'kept in the pipeline’s record')
    .addHelpText('after', examples(['sluice resume shop', 'returns when the pipeline has obeyed']))
    .action(
      act(async (surroundings, pipeline: string, { reason }: { readonly reason?: string }) => {
        const receipt = await withControl(surroundings, (control) =>
          control.resume(pipeline, requester(reason)),
        );
        return {
          result: { pipeline, taken: receipt.taken },
          text: outcomeText(receipt, `Pipeline ${pipeline} goes on.`),
        };
      }),
    );
};
