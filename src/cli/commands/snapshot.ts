import { commaList } from '../option-values.ts';
import { outcomeText } from '../outcome-text.ts';
import { requester } from '../requester.ts';
import { examples, type Verb, withControl } from '../verb.ts';

interface Options {
  readonly tables: readonly string[];
  readonly reason?: string;
}

export const snapshot: Verb = (program, act) => {
  program
    .command('snapshot')
    .argument('<pipeline>', 'name of the pipeline')
    .description(
      'Read tables again from the source, beside the stream. A newer streamed row is never overwritten.',
    )
    .requiredOption(
      '--tables <names>',
      'database.table or patterns with *, commas between',
      commaList,
    )
    .option('--reason <text>', 'kept in the pipeline’s record')
    .addHelpText(
      'after',
      examples(
        ['sluice snapshot shop --tables shop.orders', 'one table'],
        ['sluice snapshot shop --tables "shop.order_*,shop.customers"', 'several, by pattern'],
      ),
    )
    .action(
      act(async (surroundings, pipeline: string, { tables, reason }: Options) => {
        const receipt = await withControl(surroundings, (control) =>
          control.requestSnapshot(pipeline, { tables, ...requester(reason) }),
        );
        const { snapshotId, taken } = receipt;
        const text = outcomeText(
          receipt,
          `Snapshot ${snapshotId} is asked for; watch it with: sluice status ${pipeline}`,
        );
        return { result: { pipeline, snapshotId, tables, taken }, text };
      }),
    );
};
