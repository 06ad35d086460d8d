import { readPipelineFile } from '../../config/pipeline-file.ts';
import type { CostQuestion } from '../../control/sink-cost.ts';
import { costText } from '../cost-text.ts';
import { positiveNumber } from '../option-values.ts';
import { examples, unlessInterrupted, type Verb } from '../verb.ts';

interface Options {
  readonly config: string;
  readonly days: number;
  readonly table?: string;
  readonly all?: boolean;
}

const DEFAULT_DAYS = 7;
/** Enough to see where the money goes. */
const SHOWN_TABLES = 20;

export const cost: Verb = (program, act) => {
  program
    .command('cost')
    .description('Show what the BigQuery sinks of a pipeline cost, and what would lower it.')
    .requiredOption('--config <file>', 'pipeline file whose sinks are meant')
    .option('--days <n>', 'days that are looked at, today among them', positiveNumber, DEFAULT_DAYS)
    .option('--table <name>', 'one table, day by day, as database.table')
    .option('--all', `every table, not only the ${SHOWN_TABLES} dearest`)
    .addHelpText(
      'after',
      examples(
        ['sluice cost --config shop.yaml', 'jobs, bytes and dollars of a week'],
        ['sluice cost --config shop.yaml --table shop.orders --days 30', 'one table, day by day'],
        ['sluice cost --config shop.yaml --all --json', 'per table and day, for a program'],
      ),
    )
    .action(
      act(async ({ ports, signal }, options: Options) => {
        const spec = await readPipelineFile(options.config);
        const { pipeline } = spec;
        const question: CostQuestion = { days: options.days, estimated: estimatedOf(options) };
        const sinks = await unlessInterrupted(ports.sinkCosts(spec, question), signal);
        if (sinks.length === 0)
          return {
            ok: false,
            result: { pipeline, sinks },
            text: `Pipeline ${pipeline} has no sink of kind bigquery, and no other kind has a bill.`,
          };
        const shown = { table: options.table, most: options.all ? Infinity : SHOWN_TABLES };
        return {
          result: { pipeline, days: options.days, sinks },
          text: sinks.map((sink) => costText(sink, options.days, shown)).join('\n\n'),
        };
      }),
    );
};

function estimatedOf({ table, all }: Options): CostQuestion['estimated'] {
  if (table !== undefined) return { table };
  return { dearest: all ? Number.MAX_SAFE_INTEGER : SHOWN_TABLES };
}
