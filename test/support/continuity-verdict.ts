import { readShapes, type TableShape } from '../../demo/compare-tables.ts';
import type { SqlAddress } from '../../tools/stack/address.ts';
import type { ContinuityLane } from './continuity-lane.ts';
import {
  type AskedWarehouse,
  expectedTexts,
  type Said,
  shownTexts,
  sourceValues,
  statusesOf,
  viewsOf,
} from './warehouse-truth.ts';

const SHOWN_ROWS = 6;

/** What a comparison of a lane with its source came to; nobody writes meanwhile. */
export interface LaneVerdict {
  readonly faults: readonly string[];
  /** Tables that were consistent and have been compared, by warehouse. */
  readonly compared: Readonly<Record<string, number>>;
  /** Rows of those tables. */
  readonly rows: number;
  /** Tables that were not consistent, by what was said of them. */
  readonly excused: Readonly<Record<string, number>>;
}

/**
 * @param isRestored  whether everything has been allowed, taken in and copied: then only a table
 *   without a key may stand still
 */
export async function judgeLane(
  mysql: SqlAddress,
  lane: ContinuityLane,
  isRestored: boolean,
): Promise<LaneVerdict> {
  const shapes = await readShapes(mysql, lane.name);
  const rows = new Map(
    await Promise.all(
      shapes.map(async (shape) => [shape.table, await sourceValues(mysql, shape)] as const),
    ),
  );
  const source: Source = { shapes, rows };
  const faults: string[] = [];
  const compared: Record<string, number> = {};
  const excused: Record<string, number> = {};
  let comparedRows = 0;
  for (const warehouse of lane.warehouses) {
    const said = await statusesOf(warehouse, lane.name);
    const views = await viewsOf(warehouse, lane.name);
    const add = (found: readonly string[]): void => {
      for (const fault of found) faults.push(`${lane.name}, ${warehouse.name}, ${fault}`);
    };
    add(strangers(source, said, views, isRestored));
    for (const shape of shapes) {
      const standing = said.get(shape.table);
      if (standing?.status === 'consistent') {
        add(await differences(warehouse, source, shape, views));
        compared[warehouse.name] = (compared[warehouse.name] ?? 0) + 1;
        comparedRows += rows.get(shape.table)?.length ?? 0;
      } else {
        const why = standing && `${standing.status} ${standing.code ?? ''}`.trim();
        excused[why ?? 'not listed'] = (excused[why ?? 'not listed'] ?? 0) + 1;
      }
      add(standingFaults(lane, shape, standing, isRestored));
    }
  }
  return { faults, compared, excused, rows: comparedRows };
}

interface Source {
  readonly shapes: readonly TableShape[];
  readonly rows: ReadonlyMap<string, Awaited<ReturnType<typeof sourceValues>>>;
}

/** Tables and views that the source does not have. */
function strangers(
  { shapes }: Source,
  said: ReadonlyMap<string, Said>,
  views: ReadonlySet<string>,
  isRestored: boolean,
): readonly string[] {
  const there = new Set(shapes.map(({ table }) => table));
  const faults: string[] = [];
  for (const [table, { status, code }] of said)
    if (!there.has(table) && (isRestored || status === 'consistent'))
      faults.push(
        `${table}: it is ${status} (${code ?? 'no code'}), and the source has no such table`,
      );
  for (const table of views) {
    if (!there.has(table) && (isRestored || !said.has(table)))
      faults.push(`${table}: there is a view, and the source has no such table`);
    if (!said.has(table)) faults.push(`${table}: there is a view, and nothing says how it stands`);
  }
  return faults;
}

function standingFaults(
  { excluded, hidden }: ContinuityLane,
  { table, key }: TableShape,
  standing: Said | undefined,
  isRestored: boolean,
): readonly string[] {
  const isLeftOut = excluded.includes(table) || hidden.includes(table);
  if (!standing) return isLeftOut ? [] : [`${table}: nothing says how it stands`];
  const { status, code, since } = standing;
  if (status === 'consistent') {
    if (excluded.includes(table)) return [`${table}: it is excluded, and consistent`];
    return key.length === 0 ? [`${table}: it has no key, and is consistent`] : [];
  }
  if (since === null) return [`${table}: it is ${status}, and nothing says since when`];
  if (status === 'stopped' && code === null)
    return [`${table}: it has stopped, and nothing says why`];
  if (status === 'snapshotting') return [`${table}: it is being copied when all copies have ended`];
  return isRestored && key.length > 0
    ? [
        `${table}: it is ${status} (${code ?? 'no code'}: ${standing.reason ?? 'no reason'}) after everything was restored`,
      ]
    : [];
}

async function differences(
  warehouse: AskedWarehouse,
  { rows }: Source,
  shape: TableShape,
  views: ReadonlySet<string>,
): Promise<readonly string[]> {
  const { table } = shape;
  if (!views.has(table)) return [`${table}: it is consistent, and there is no view`];
  const expected = expectedTexts(warehouse, shape, rows.get(table) ?? []);
  try {
    const shown = await shownTexts(warehouse, shape);
    return [...shown].flatMap(([part, texts]) => {
      const missing = without(expected, texts);
      const extra = without(texts, expected);
      if (missing.length + extra.length === 0) return [];
      const columns = shape.columns.map(({ name }) => name).join(', ');
      return [
        `${table}, ${part} (${columns}): ${missing.length} rows are missing, ${extra.length} too many\n    at the source ${missing.slice(0, SHOWN_ROWS).join(' ')}\n    in the warehouse ${extra.slice(0, SHOWN_ROWS).join(' ')}`,
      ];
    });
  } catch (error) {
    return [`${table}: ${String(error)}`];
  }
}

/** The texts of a list that another one lacks, each as often as it lacks it. */
function without(texts: readonly string[], others: readonly string[]): readonly string[] {
  const left = new Map<string, number>();
  for (const text of others) left.set(text, (left.get(text) ?? 0) + 1);
  return texts.filter((text) => {
    const count = left.get(text) ?? 0;
    left.set(text, count - 1);
    return count <= 0;
  });
}
