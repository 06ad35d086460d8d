import { expect, it } from 'vitest';
import { bytesText } from '../../src/cli/amounts.ts';

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.00 KiB'],
  [10.5 * 2 ** 20, '10.5 MiB'],
  [456 * 2 ** 30, '456 GiB'],
  [2 ** 40, '1.00 TiB'],
  [2 ** 60, '1024 PiB'],
])('%d bytes are written %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});
