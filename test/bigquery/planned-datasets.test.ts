import { describe, expect, it } from 'vitest';
import { plannedDatasets } from '../../src/bigquery/planned-datasets.ts';

const plan = (dataset: string, ...include: string[]): readonly [string, boolean] => {
  const sink = { project: 'acme', internalDataset: 'sluice_shop', dataset, table: '{table}' };
  const { datasets, mayNeedMore } = plannedDatasets(sink, include);
  return [datasets.map(({ name, use }) => `${name}: ${use}`).join(', '), mayNeedMore];
};

describe('the datasets that a sink is going to need', () => {
  it.each<[string, string[], string, boolean]>([
    ['{database}', ['shop.*', 'shop.orders'], 'sluice_shop: tables, shop: views', false],
    [
      '{database}',
      ['shop.*', 'crm-2.*'],
      'sluice_shop: tables, shop: views, crm_x2D_2: views',
      false,
    ],
    ['{database}', ['shop*.orders'], 'sluice_shop: tables', true],
    ['all', ['*.*'], 'sluice_shop: tables, all: views', false],
    ['{database}_{table}', ['shop.*'], 'sluice_shop: tables', true],
    ['{database}_{table}', ['shop.orders'], 'sluice_shop: tables, shop_orders: views', false],
    ['{database}', ['`shop.eu`.*'], 'sluice_shop: tables, shop_x2E_eu: views', false],
    ['sluice_shop', ['shop.*'], 'sluice_shop: tables, sluice_shop_x0_2: views', false],
  ])('are, by template %s and patterns %j: %s', (template, include, names, open) => {
    expect(plan(template, ...include)).toEqual([names, open]);
  });
});
