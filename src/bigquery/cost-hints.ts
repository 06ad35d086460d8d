import type { CostHint, MeasuredCost, TableCost } from '../control/sink-cost.ts';
import { storingUsd } from './list-prices.ts';

/** Settings of a sink that what it costs depends on. */
export interface CostSettings {
  readonly loadIntervalMs: number;
  readonly changesExpireDays?: number;
}

/** Most that `loadIntervalMs` may be. */
const LONGEST_INTERVAL_MS = 3_600_000;
/** What saves less a month is not worth a change. */
const WORTHWHILE_USD = 0.1;
/** Of each kind. */
const MOST_TABLES = 3;
/** A view has to read so much more than its cheaper sister. */
const MUCH_MORE = 1.2;

const usd = (value: number): string => `${value.toFixed(2)} USD`;

/** What would lower the dearest items, by settings that exist. */
export function costHints(cost: MeasuredCost, settings: CostSettings): readonly CostHint[] {
  return [
    ...commitHint(cost, settings),
    ...compactionHints(cost),
    ...changelogHint(cost, settings),
    ...viewHints(cost),
  ];
}

function commitHint(
  { month: { commitsUsd } }: MeasuredCost,
  { loadIntervalMs }: CostSettings,
): readonly CostHint[] {
  const longer = Math.min(2 * loadIntervalMs, LONGEST_INTERVAL_MS);
  const saved = commitsUsd * (1 - loadIntervalMs / longer);
  if (saved < WORTHWHILE_USD) return [];
  return [
    {
      item: 'commits',
      setting: `loadIntervalMs: ${longer}`,
      effect: `instead of ${loadIntervalMs}: up to ${usd(saved)} a month less, rows come up to ${longer / 1000} s late`,
    },
  ];
}

/** When a table is compacted is no setting; which tables there are is one. */
function compactionHints({ tables }: MeasuredCost): readonly CostHint[] {
  return tables
    .filter(({ usdAMonth }) => usdAMonth >= WORTHWHILE_USD)
    .slice(0, MOST_TABLES)
    .map(({ table, usdAMonth }) => ({
      item: `compactions of ${table}`,
      setting: `source.exclude: ["${table}"]`,
      effect: `${usd(usdAMonth)} a month less, if nobody needs the table; with a reservation instead of on-demand prices, compactionPriority: batch leaves them to idle slots`,
    }));
}

const bytesOf = ({ reads }: TableCost, wanted: string): number =>
  reads?.find(({ suffix }) => suffix === wanted)?.bytes ?? 0;

function changelogHint(
  { tables }: MeasuredCost,
  { changesExpireDays }: CostSettings,
): readonly CostHint[] {
  const bytes = tables.reduce((all, table) => all + bytesOf(table, '__history'), 0);
  if (storingUsd(bytes) < WORTHWHILE_USD) return [];
  const now =
    changesExpireDays === undefined
      ? 'changes are kept for ever now'
      : `instead of ${changesExpireDays}`;
  const fewer = Math.max(2, Math.floor((changesExpireDays ?? 800) / 2));
  return [
    {
      item: 'changelogs',
      setting: `changesExpireDays: ${fewer}`,
      effect: `${now}; they take ${usd(storingUsd(bytes))} a month of storage, and every __history and __as_of reads all of them`,
    },
  ];
}

function viewHints({ tables }: MeasuredCost): readonly CostHint[] {
  return tables
    .map((table) => ({
      table: table.table,
      plain: bytesOf(table, ''),
      latest: bytesOf(table, '__latest'),
    }))
    .filter(({ plain, latest }) => latest > 0 && plain > latest * MUCH_MORE)
    .sort((a, b) => b.plain - b.latest - (a.plain - a.latest))
    .slice(0, MOST_TABLES)
    .map(({ table, plain, latest }) => ({
      item: `queries of ${table}`,
      setting: `${table}__latest`,
      effect: `reads ${Math.round(100 - (100 * latest) / plain)} % less, where rows of the last compaction will do`,
    }));
}
