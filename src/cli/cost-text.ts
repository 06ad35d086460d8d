import type { MeasuredCost, SinkCost, TableCost, Usage, ViewRead } from '../control/sink-cost.ts';
import { table } from './table.ts';

interface Shown {
  /** The only table that is shown, day by day. */
  readonly table: string | undefined;
  readonly most: number;
}

/** What a sink costs, for a person: by table, by day, by month, and what would lower it. */
export function costText({ sink, cost }: SinkCost, days: number, shown: Shown): string {
  switch (cost.kind) {
    case 'nothingLoaded':
      return `Sink ${sink} has loaded nothing yet: there is nothing to count.`;
    case 'quiet':
      return `Sink ${sink} has loaded nothing in ${days} days. Without changes a pipeline costs its storage and a commit every 10 minutes; --days looks further back.`;
    case 'measured':
      return measuredText(sink, cost, shown);
    default:
      return cost satisfies never;
  }
}

function measuredText(sink: string, cost: MeasuredCost, shown: Shown): string {
  const head = `Sink ${sink}, ${dayOf(cost.sinceMs)} to ${dayOf(cost.untilMs)} in UTC: ${cost.recordedDays.toFixed(1)} days on record`;
  if (shown.table !== undefined) {
    const one = cost.tables.find((candidate) => candidate.table === shown.table);
    if (!one) return `${head}\n\nNothing of ${shown.table} was loaded or compacted in these days.`;
    return [head, oneTable(one), readsText([one]), priceText(cost)].join('\n\n');
  }
  const tables = cost.tables.slice(0, shown.most);
  return [
    head,
    tablesText(cost, tables),
    daysText(cost),
    readsText(tables),
    monthText(cost),
    ...(cost.hints.length === 0 ? [] : [hintsText(cost)]),
  ].join('\n\n');
}

const USAGE_HEADS = ['JOBS', 'ROWS', 'LOADED MiB', 'COMPACTIONS', 'BILLED MiB', 'LOOKS MiB'];

function usageCells(usage: Usage): readonly string[] {
  return [
    whole(usage.loads),
    whole(usage.rows),
    mebibytes(usage.fileBytes),
    whole(usage.compactions),
    mebibytes(usage.compactedBytes),
    mebibytes(usage.probedBytes),
  ];
}

function tablesText(cost: MeasuredCost, tables: readonly TableCost[]): string {
  const left = cost.tables.length - tables.length;
  const shown = table(
    ['TABLE', ...USAGE_HEADS, 'USD A MONTH'],
    [
      ...tables.map((one) => [one.table, ...usageCells(one.usage), money(one.usdAMonth)]),
      ['total', ...usageCells(cost.total), money(cost.month.compactionsUsd)],
    ],
  );
  return left === 0 ? shown : `${shown}\n(and ${left} cheaper tables; --all shows them)`;
}

function daysText({ days, total, commits }: MeasuredCost): string {
  return table(
    ['DAY', 'COMMITS', ...USAGE_HEADS],
    [
      ...days.map((day) => [day.day, whole(day.commits), ...usageCells(day)]),
      ['total', whole(commits), ...usageCells(total)],
    ],
  );
}

function oneTable(one: TableCost): string {
  const rows = one.days.map((day) => [day.day, ...usageCells(day)]);
  const shown = table(['DAY', ...USAGE_HEADS], [...rows, ['total', ...usageCells(one.usage)]]);
  return `${shown}\n${one.table}: ${money(one.usdAMonth)} USD a month for compactions at this pace`;
}

const VIEWS: readonly ViewRead['suffix'][] = ['', '__latest', '__history', '__as_of'];

function readsText(tables: readonly TableCost[]): string {
  const rows = tables.flatMap(({ table: name, reads }) =>
    reads ? [[name, ...VIEWS.map((suffix) => readCell(reads, suffix))]] : [],
  );
  if (rows.length === 0) return 'SELECT * READS: none of these tables is in the warehouse now.';
  const heads = ['SELECT * READS, MiB AT MOST', 'plain', ...VIEWS.slice(1)];
  return table(heads, rows);
}

function readCell(reads: readonly ViewRead[], suffix: string): string {
  const bytes = reads.find((read) => read.suffix === suffix)?.bytes;
  return bytes === undefined ? 'no view' : mebibytes(bytes);
}

function monthText(cost: MeasuredCost): string {
  const { month, commits, commitBytes, storedBytes, tables, total } = cost;
  const stored = tables.filter(({ reads }) => reads !== undefined).length;
  const lines = table(
    ['A MONTH AT THIS PACE', 'USD', 'OF'],
    [
      ['loading', money(0), 'free'],
      [
        'commits',
        money(month.commitsUsd),
        `${whole(commits)} commits, about ${mebibytes(commitBytes)} MiB`,
      ],
      [
        'compactions',
        money(month.compactionsUsd),
        `${mebibytes(total.compactedBytes)} MiB billed, and about ${mebibytes(total.probedBytes)} MiB for the looks before them`,
      ],
      [
        'storage',
        money(month.storageUsd),
        `${mebibytes(storedBytes)} MiB in state and changelog of ${stored} of ${tables.length} tables`,
      ],
      ['total', money(month.totalUsd), 'without the queries of people'],
    ],
  );
  const young =
    cost.recordedDays < 1
      ? '\nLess than a day is on record, most of it the first copy perhaps: that is no pace yet.'
      : '';
  return `${lines}\n${priceText(cost)}${young}`;
}

function priceText({ prices }: MeasuredCost): string {
  return `List prices, ${prices.where}, ${prices.asOf}: ${prices.usdPerTebibyteRead} USD a TiB read, ${prices.usdPerGibibyteMonth} USD a GiB stored for a month; the free TiB a month of every account is not taken off. ${prices.source}`;
}

function hintsText({ hints }: MeasuredCost): string {
  const lines = hints.map(({ item, setting, effect }) => `  ${item}: ${setting}\n      ${effect}`);
  return ['WHAT WOULD LOWER IT', ...lines].join('\n');
}

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
const money = (value: number): string => fixed(value, 2);
const mebibytes = (bytes: number): string => fixed(bytes / 2 ** 20, 1);

function fixed(value: number, digits: number): string {
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
