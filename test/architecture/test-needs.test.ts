import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const NEEDS = {
  mysql: 'SLUICE_TEST_MYSQL',
  kafka: 'SLUICE_TEST_KAFKA',
  temporal: 'SLUICE_TEST_TEMPORAL',
};
const ALL = Object.values(NEEDS);

const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  mysql: [NEEDS.mysql],
  kafka: [NEEDS.kafka],
  temporal: [NEEDS.temporal],
  cases: [NEEDS.mysql, NEEDS.kafka],
  stack: ALL,
  crash: ALL,
};

const files = globSync('test/**/*.test.ts').filter(
  (file) => !file.startsWith('test/architecture/'),
);

it.each(files)('%s says in its name which servers it needs', (file) => {
  const suffix = /\.([a-z]+)\.test\.ts$/.exec(file)?.[1] ?? '';
  const text = readFileSync(file, 'utf8');
  const used = ALL.filter((variable) => text.includes(variable));
  expect(used.filter((variable) => !(ALLOWED[suffix] ?? []).includes(variable))).toEqual([]);
});
