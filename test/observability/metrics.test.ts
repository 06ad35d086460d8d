import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { METRICS } from '../../src/observability/metrics.ts';

const BOUNDED_LABELS = new Set(['pipeline', 'sink', 'table', 'op', 'state', 'code', 'part']);

it.each(Object.entries(METRICS))('%s follows the naming rules', (name, metric) => {
  expect(name).toMatch(/^sluice_[a-z_]+$/);
  expect(name.endsWith('_total')).toBe(metric.type === 'counter');
  if (name.includes('duration') || name.includes('lag') || name.includes('age'))
    expect(name).toMatch(/_seconds$/);
  expect(metric.help).toMatch(/^[A-Z\d].*\.$/);
  expect(metric.labels.filter((label) => !BOUNDED_LABELS.has(label))).toEqual([]);
  expect(metric.type === 'histogram').toBe('buckets' in metric);
});

it('every metric is set somewhere', () => {
  const text = globSync('src/**/*.ts')
    .filter((file) => file !== 'src/observability/metrics.ts')
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  expect(Object.keys(METRICS).filter((name) => !text.includes(`'${name}'`))).toEqual([]);
});
