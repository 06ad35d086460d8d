import { defineConfig } from 'vitest/config';

/** What a test needs beyond this process, said by its file's suffix: `x.kafka.test.ts`. */
const NEEDS = [
  'mysql',
  'kafka',
  'temporal',
  'bigquery',
  'google',
  'stack',
  'cases',
  'crash',
] as const;

/** A server that starts, answers and is asked for a snapshot takes seconds; a hang shows at once all the same. */
const SERVER_TIMEOUT_MS = 120_000;

const hermetic = {
  test: {
    name: 'hermetic',
    include: ['test/**/*.test.ts'],
    exclude: NEEDS.map((need) => `test/**/*.${need}.test.ts`),
    testTimeout: 15_000,
  },
};

/** Files that share a server run one after another, so that no test sees another's load. */
const serverProjects = NEEDS.map((need) => ({
  test: {
    name: need,
    include: [`test/**/*.${need}.test.ts`],
    fileParallelism: false,
    // Tests that say `concurrent`: most of their time they wait for what a crash has delayed. The
    // field cases count by themselves how many run.
    maxConcurrency: need === 'cases' ? 1_000 : 2,
    testTimeout: SERVER_TIMEOUT_MS,
    hookTimeout: SERVER_TIMEOUT_MS,
  },
}));

export default defineConfig({
  test: {
    pool: 'forks',
    coverage: { provider: 'v8', include: ['src/**/*.ts'], reporter: ['text-summary', 'html'] },
    projects: [hermetic, ...serverProjects],
  },
});
