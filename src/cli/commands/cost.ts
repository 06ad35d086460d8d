import { SluiceError } from '../../errors/error.ts';
import type { SinkCost, TableDayCost } from '../../workers/cost.ts';
import { bytesText, count } from '../amounts.ts';
import { wholeNumber } from '../option-values.ts';
import { secretScope } from '../secret-scope.ts';
import { table } from '../table.ts';
import { configOf, examples, unlessInterrupted, type Verb } from '../verb.ts';

interface Options {
  readonly days: number;
  readonly all?: boolean;
}

const DEFAULT_DAYS = 7;
/** What a terminal can show. */
const SHOWN_TABLES = 20;

export const cost: Verb = (program, act) => {
  program
    .command('cost')
    .argument('<pipeline>', 'name of the pipeline')
    .description(
      'Say what its sinks in BigQuery have cost, what a month costs at this pace, and what would lower it.',
    )
    .option('--days <number>', 'days looked back on, 1 to 400', wholeNumber, DEFAULT_DAYS)
    .option('--all', `every table, not the ${SHOWN_TABLES} dearest`)
    .addHelpText(
      'after',
      examples(
        ['sluice cost shop', 'the last seven days, by table and by day'],
        ['sluice cost shop --days 30 --json', 'by table and day, for a program'],
      ),
    )
    .action(
      act(async (surroundings, pipeline: string, { days, all }: Options) => {
        if (days < 1 || days > 400)
          throw new SluiceError('cli.usage', '--days is a number from 1 to 400.');
        const spec = await configOf(surroundings, pipeline);
        const kinds = Object.values(spec.sinks).map(({ kind }) => kind);
        if (!kinds.includes('bigquery'))
          throw new SluiceError(
            'cli.usage',
            `Pipeline ${pipeline} has no sink in BigQuery; nothing else of Sluice is billed by what it does.`,
          );
        surroundings.console.note('asking BigQuery; dry runs are free');
        const options = { days, ...(all === true ? {} : { maxTables: SHOWN_TABLES }) };
        const sinks = await unlessInterrupted(
          surroundings.ports.sinkCosts(spec, options, await secretScope(surroundings.env)),
          surroundings.signal,
        );
        return {
          result: { pipeline, days, sinks },
          text: sinks.map((sink) => sinkText(sink, days, all === true)).join('\n\n'),
        };
      }),
    );
};

function sinkText(sink: SinkCost, days: number, all: boolean): string {
  const head = `Sink ${sink.sink}: ${sink.project}.${sink.dataset}, the last ${days} days`;
  if (sink.days.length === 0) return `${head}\nNothing has been loaded in this time.`;
  return [head, tablesText(sink, all), daysText(sink), monthText(sink), ...adviceText(sink)].join(
    '\n\n',
  );
}

interface Sum {
  readonly loads: number;
  readonly rows: number;
  readonly loadedBytes: number;
  readonly compactions: number;
  readonly compactionBytes: number;
}

function sumOf(days: readonly TableDayCost[]): Sum {
  const total = (pick: (day: TableDayCost) => number): number =>
    days.reduce((sum, day) => sum + pick(day), 0);
  return {
    loads: total(({ loads }) => loads),
    rows: total(({ rows }) => rows),
    loadedBytes: total(({ loadedBytes }) => loadedBytes),
    compactions: total(({ compactions }) => compactions),
    compactionBytes: total(({ compactionBytes }) => compactionBytes),
  };
}

const SUM_HEADS = ['loads', 'rows', 'loaded', 'compactions', 'billed'] as const;

const sumCells = ({ loads, rows, loadedBytes, compactions, compactionBytes }: Sum) => [
  count(loads),
  count(rows),
  bytesText(loadedBytes),
  count(compactions),
  bytesText(compactionBytes),
];

const VIEW_HEADS = ['SELECT *', '__latest', '__history', '__as_of'] as const;

function tablesText({ days, reads }: SinkCost, all: boolean): string {
  const byTable = [...Map.groupBy(days, ({ table: name }) => name)]
    .map(([name, its]) => ({ name, sum: sumOf(its) }))
    .sort(
      (a, b) =>
        b.sum.compactionBytes - a.sum.compactionBytes || b.sum.loadedBytes - a.sum.loadedBytes,
    );
  const shown = all ? byTable : byTable.slice(0, SHOWN_TABLES);
  const rows = shown.map(({ name, sum }) => {
    const read = reads.find(({ table: of }) => of === name);
    const estimates = [read?.now, read?.latest, read?.history, read?.asOf];
    return [
      name,
      ...sumCells(sum),
      ...estimates.map((bytes) => (bytes === undefined ? '-' : bytesText(bytes))),
    ];
  });
  const total = ['all tables', ...sumCells(sumOf(days)), ...VIEW_HEADS.map(() => '')];
  const more = byTable.length - shown.length;
  return [
    table(['table', ...SUM_HEADS, ...VIEW_HEADS], [...rows, total]),
    ...(more > 0 ? [`(${more} more; --all shows them)`] : []),
  ].join('\n');
}

function daysText({ days }: SinkCost): string {
  const rows = [...Map.groupBy(days, ({ day }) => day)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([day, its]) => [day, ...sumCells(sumOf(its))]);
  return table(['day (UTC)', ...SUM_HEADS], rows);
}

function monthText({ month, stored, price }: SinkCost): string {
  const { compactionBytes, lookBytes, commitBytes, streamedBytes, usd } = month;
  const streamed =
    streamedBytes === 0
      ? 'Loading is free.'
      : `Loading is free; of the ${bytesText(streamedBytes)} a month by stream, the first 2 TiB.`;
  return [
    `A month at this pace: ${bytesText(compactionBytes)} billed by compactions, about ${bytesText(lookBytes)} by the looks before them and ${bytesText(commitBytes)} by commits that load rows, ${dollars(usd)}${streamedBytes === 0 ? '' : ' with the rows by stream'}.`,
    `State and changelog of ${count(stored.tables)} tables take ${bytesText(stored.bytes)}, ${dollars(stored.usdAMonth)} a month.`,
    `At list price, ${price}. ${streamed} What your own queries read comes on top.`,
  ].join('\n');
}

function adviceText({ advice }: SinkCost): readonly string[] {
  if (advice.length === 0) return ['No setting would lower this by much.'];
  const lines = advice.map(
    ({ setting, value, because, savesUsd }) =>
      `  ${setting}: ${value}   ${because}${savesUsd === undefined ? '' : `; about ${dollars(savesUsd)} less a month`}`,
  );
  return [['What would lower it:', ...lines].join('\n')];
}

const dollars = (usd: number): string => `${usd.toFixed(2)} USD`;
