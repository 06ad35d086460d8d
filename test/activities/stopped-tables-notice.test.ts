import { expect, it } from 'vitest';
import { StoppedTablesNotice } from '../../src/activities/stopped-tables-notice.ts';
import type { TableName } from '../../src/change/table.ts';
import type { StoppedTables } from '../../src/control/stopped-tables.ts';

const ONE: StoppedTables = {
  count: 1,
  tables: [{ table: 'shop.orders' as TableName, code: 'x', reason: 'no key', position: 'a:1' }],
};
const NONE: StoppedTables = { count: 0, tables: [] };

function notice({ known = 0 }: { readonly known?: number } = {}) {
  const told: StoppedTables[] = [];
  const clock = { nowMs: 0 };
  const newest = new StoppedTablesNotice(
    (stopped) => told.push(stopped),
    known,
    () => clock.nowMs,
  );
  return { told, clock, newest };
}

it('a workflow that knows of no stopped table is not told that there are none', () => {
  const { told, newest } = notice();
  newest.offer();
  newest.flush();
  expect(told).toEqual([]);
});

it('a workflow that knows of some is told when a new attempt has none', () => {
  const { told, newest } = notice({ known: 1 });
  newest.offer();
  expect(told).toEqual([NONE]);
});

it('a stopped table is told at once, and once', () => {
  const { told, newest } = notice();
  newest.offer(ONE);
  newest.offer(ONE);
  newest.flush();
  expect(told).toEqual([ONE]);
});

it('a table that stops and returns twice a second for a day is told no oftener than once a minute', () => {
  const { told, clock, newest } = notice();
  for (; clock.nowMs < 86_400_000; clock.nowMs += 500)
    newest.offer(clock.nowMs % 1_000 === 0 ? ONE : undefined);
  expect(told.length).toBeLessThan(1_450);
  expect(told.length).toBeGreaterThan(500);
});

it('what was held back is told at the end', () => {
  const { told, newest } = notice();
  newest.offer(ONE);
  newest.offer();
  expect(told).toEqual([ONE]);
  newest.flush();
  expect(told).toEqual([ONE, NONE]);
});
