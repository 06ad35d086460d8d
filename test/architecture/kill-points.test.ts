import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('nothing that is shipped reads from its environment where a process is to die', () => {
  const shipped = [...globSync('src/**/*.ts'), ...globSync('bin/*'), ...globSync('tools/**/*.ts')];
  expect(shipped.length).toBeGreaterThan(100);
  const reading = shipped.filter((file) => readFileSync(file, 'utf8').includes('SLUICE_KILL_AT'));
  expect(reading).toEqual([]);
});
