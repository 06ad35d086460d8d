import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** File → its imports, each of them against a rule; the last column names the rule. */
const BREACHES: readonly (readonly [file: string, source: string, rule: string])[] = [
  ['src/kafka/a.ts', `import '../mysql/target.ts';`, 'kafka-imports'],
  ['src/snapshot/a.ts', `import 'node:os';`, 'no-runtime-in-pure-folders'],
  ['src/binlog/a.ts', `import 'node:net';`, 'bytes-only-on-the-hot-path'],
  [
    'src/workflows/a.ts',
    `import { value } from '../activities/target.ts';\nvoid value;`,
    'workflows-see-activity-types-only',
  ],
  ['src/activities/a.ts', `import '../mysql/target.ts';`, 'activities-imports'],
  ['src/activities/b.ts', `import '../workers/target.ts';`, 'activities-imports'],
  ['src/control/a.ts', `import '@temporalio/client';`, 'control-packages'],
  [
    'src/sink/a.ts',
    `import type { Value } from '../duckdb/target.ts';\nexport type Alias = Value;`,
    'sink-imports',
  ],
  ['src/cli/a.ts', `import '../mysql/target.ts';`, 'cli-imports'],
  ['src/change/a.ts', `import '../errors/target.ts';`, 'change-imports'],
  ['src/capture/a.ts', `import 'kafkajs';`, 'capture-packages'],
  ['src/workers/a.ts', `import '../helpers/target.ts';`, 'known-folders-only'],
  ['src/errors/a.ts', `import '../../test/target.ts';`, 'src-never-imports-tests-or-tools'],
  ['src/errors/b.ts', `import '../../bench/target.ts';`, 'src-never-imports-tests-or-tools'],
  ['bench/a.ts', `import '../test/target.ts';`, 'bench-imports'],
];

const FAIR: readonly (readonly [file: string, source: string])[] = [
  [
    'src/workflows/fair.ts',
    `import type { Value } from '../activities/target.ts';\nimport '@temporalio/workflow';\nexport type Alias = Value;`,
  ],
  ['src/workers/fair.ts', `import '../mysql/target.ts';\nimport '../kafka/target.ts';`],
  ['bench/fair.ts', `import '../src/kafka/target.ts';`],
  ['src/binlog/fair.ts', `import 'node:zlib';\nimport '../change/target.ts';`],
];

const TARGETS = [
  'src/mysql',
  'src/kafka',
  'src/activities',
  'src/workers',
  'src/duckdb',
  'src/errors',
  'src/change',
  'src/helpers',
  'bench',
  'test',
].map(
  (folder) =>
    [`${folder}/target.ts`, 'export type Value = number;\nexport const value = 1;'] as const,
);

let tree = '';
const home = process.cwd();

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'sluice-layers-'));
  for (const [file, source] of [...BREACHES, ...FAIR, ...TARGETS]) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), source);
  }
  for (const file of ['package.json', 'tsconfig.json', '.dependency-cruiser.cjs'])
    cpSync(file, join(tree, file));
  symlinkSync(resolve('node_modules'), join(tree, 'node_modules'));
});

afterAll(() => rmSync(tree, { recursive: true }));

it('every planted breach of the layers is reported by its rule, and fair imports are not', async () => {
  process.chdir(tree);
  try {
    const options = await extractDepcruiseOptions(join(tree, '.dependency-cruiser.cjs'));
    const { output } = await cruise(['src', 'bench'], options);
    const found = (output as ICruiseResult).summary.violations;
    const pairs = found.map(({ from, rule }) => `${from} ${rule.name}`);
    for (const [file, , rule] of BREACHES) expect(pairs).toContain(`${file} ${rule}`);
    expect(found.filter(({ from }) => from.endsWith('/fair.ts'))).toEqual([]);
  } finally {
    process.chdir(home);
  }
});
