import { tableOrSelectorList } from '../option-values.ts';
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
      'patterns as in source.include, commas between, or @cascades',
      tableOrSelectorList,
    )
    .option('--reason <text>', 'kept in the pipeline’s record')
    .addHelpText(
      'after',
      examples(
        ['sluice snapshot shop --tables shop.orders', 'one table'],
        ['sluice snapshot shop --tables "shop.order_*,shop.customers"', 'several, by pattern'],
        ["sluice snapshot shop --tables '`example.com`.users'", 'a name with a dot'],
        ['sluice snapshot shop --tables @cascades', 'child tables of cascading foreign keys'],
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
