import { expect, it } from 'vitest';
import { nearestKey } from '../../src/config/nearest-key.ts';

const KEYS = ['host', 'port', 'maxBatchBytes', 'maxBatchRows', 'password'];

it.each([
  ['hosst', 'host'],
  ['prot', 'port'],
  ['max_batch_rows', 'maxBatchRows'],
  ['MaxBatchByte', 'maxBatchBytes'],
  ['passwd', 'password'],
  ['retention', undefined],
  ['x', undefined],
])('takes %s for %s', (written, meant) => {
  expect(nearestKey(written, KEYS)).toBe(meant);
});
