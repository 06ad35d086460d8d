import { confirm } from '../confirm.ts';
import { outcomeText } from '../outcome-text.ts';
import { requester } from '../requester.ts';
import { examples, type Surroundings, type Verb, withControl } from '../verb.ts';

interface Options {
  readonly sink: string;
  readonly reason?: string;
  readonly yes?: boolean;
}

export const resnapshot: Verb = (program, act) => {
  program
    .command('resnapshot')
    .argument('<pipeline>', 'name of the pipeline')
    .description('Begin a sink anew: an empty warehouse, filled by a snapshot of every table.')
    .requiredOption('--sink <name>', 'which sink; capture and the other sinks go on')
    .option('--reason <text>', 'kept in the pipeline’s record')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      examples(
        ['sluice resnapshot shop --sink warehouse', 'shows what will happen, and asks'],
        ['sluice snapshot shop --tables shop.orders', 'reads one table again instead'],
      ),
    )
    .action(act(beginSinkAnew));
};

/** What beginning a sink anew means, a line each. */
export function sinkPlan(pipeline: string, sink: string): readonly string[] {
  return [
    `Sink ${sink} of ${pipeline} begins an empty warehouse at the present cut; the one it has is kept under another name.`,
    'Every captured table is read again into the topics, and fills it. Other sinks see those rows once more.',
    'The history of rows from before is in the old warehouse alone.',
  ];
}

async function beginSinkAnew(surroundings: Surroundings, pipeline: string, options: Options) {
  const { console, signal } = surroundings;
  const { sink, reason, yes = false } = options;
  await confirm(console, { steps: sinkPlan(pipeline, sink), name: pipeline, yes }, signal);
  const receipt = await withControl(surroundings, (control) =>
    control.resnapshot(pipeline, { sink, ...requester(reason) }),
  );
  return {
    result: { pipeline, sink, taken: receipt.taken },
    text: outcomeText(receipt, `Sink ${sink} of ${pipeline} begins anew.`),
  };
}
