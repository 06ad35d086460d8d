import { expect, it } from 'vitest';
import { onTableFailure, rowSettings } from '../../src/control/table-settings.ts';

const orders = { database: 'shop', table: 'orders' };

it('a table that no pattern meets stops alone, and so does every table of an older specification', () => {
  const tables = [{ pattern: 'crm.*', onFailure: 'stop-pipeline' }] as const;
  expect(onTableFailure({ tables })(orders)).toBe('stop-table');
  expect(onTableFailure({})(orders)).toBe('stop-table');
});

it('the last pattern that meets a table decides, not the narrowest', () => {
  const all = { pattern: 'shop.*', onFailure: 'stop-pipeline' } as const;
  const one = { pattern: 'shop.orders', onFailure: 'stop-table' } as const;
  expect(onTableFailure({ tables: [all, one] })(orders)).toBe('stop-table');
  expect(onTableFailure({ tables: [one, all] })(orders)).toBe('stop-pipeline');
});

it('rows are passed on as the last pattern that meets their table says, as they are where none or an older one does', () => {
  const all = { pattern: 'shop.*', onFailure: 'stop-table', invalidText: 'bytes' } as const;
  const one = { pattern: 'shop.orders', onFailure: 'stop-table', beforeImage: 'key' } as const;
  const usual = { invalidText: 'stop', beforeImage: 'full' };
  expect(rowSettings({})(orders)).toEqual(usual);
  expect(rowSettings({ tables: [{ ...one, pattern: 'crm.*' }] })(orders)).toEqual(usual);
  expect(rowSettings({ tables: [all, one] })(orders)).toEqual({ ...usual, beforeImage: 'key' });
  expect(rowSettings({ tables: [one, all] })(orders)).toEqual({ ...usual, invalidText: 'bytes' });
});
