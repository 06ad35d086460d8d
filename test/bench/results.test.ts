import { expect, it } from 'vitest';
import { gateFailures } from '../../bench/gate.ts';
import { verdicts } from '../../bench/report/bars.ts';
import { missedRatios } from '../../bench/report/missed.ts';
import { performancePage } from '../../bench/report/page.ts';
import { type BenchReport, beside, printedResults } from '../../bench/report/report.ts';
import {
  contenderResult,
  type Figures,
  jsonScenario,
  type Run,
  ratioTo,
  type ScenarioResult,
} from '../../bench/results.ts';

const figures = (rowsPerSecond: number, peakMemoryMb = 300): Figures => ({
  rowsPerSecond,
  p50Ms: undefined,
  p99Ms: undefined,
  peakMemoryMb,
  cpuSecondsPerMillionRows: 2.5,
});

const measured = (rowsPerSecond: number, peakMemoryMb = 300): Run => ({
  kind: 'measured',
  figures: figures(rowsPerSecond, peakMemoryMb),
});

const bulk: ScenarioResult = {
  name: 'bulk',
  data: 'inserts',
  size: 2_000_000,
  contenders: [
    contenderResult('sluice', [measured(300_000), measured(400_000), measured(330_000)]),
    contenderResult('debezium', [measured(30_000, 2_000)]),
    contenderResult('debezium-tuned', [measured(100_000, 2_100)]),
  ],
  limits: [
    { name: 'decode', rowsPerSecond: 1_000_000 },
    { name: 'write', rowsPerSecond: 500_000 },
  ],
};

it('a result is the median of its rounds, figure by figure', () => {
  const { median } = contenderResult('sluice', [measured(1, 30), measured(3, 10), measured(2, 20)]);
  expect(median).toMatchObject({ rowsPerSecond: 2, peakMemoryMb: 20, p99Ms: undefined });
});

it('runs that do not count are left out of the median, and kept with their reason', () => {
  const lost: Run = { kind: 'invalid', reason: '9 records instead of 10' };
  const result = contenderResult('sluice', [measured(10), lost, measured(20)]);
  expect(result.median?.rowsPerSecond).toBe(15);
  expect(result.runs).toContain(lost);
  expect(contenderResult('sluice', [lost]).median).toBeUndefined();
});

it('a ratio says how many times faster Sluice is, when both were measured', () => {
  expect(ratioTo(bulk, 'debezium')).toBe(11);
  expect(ratioTo(bulk, 'debezium-tuned')).toBe(3.3);
  expect(ratioTo(bulk, 'somebody')).toBeUndefined();
});

it('the JSON document has the programs by name and both ratios', () => {
  expect(jsonScenario(bulk)).toMatchObject({
    name: 'bulk',
    sluice: { rowsPerSecond: 330_000, peakMemoryMb: 300, cpuSecondsPerMillionRows: 2.5 },
    debezium: { rowsPerSecond: 30_000 },
    debeziumTuned: { rowsPerSecond: 100_000 },
    ratio: 11,
    ratioTuned: 3.3,
  });
});

it('each bound of a bar is judged by itself', () => {
  expect(verdicts(bulk)).toEqual([
    { text: '5 × tuned', holds: false },
    { text: '9 × shipped', holds: true },
    { text: '320,000 rows/s', holds: true },
    { text: '400 MB', holds: true },
  ]);
});

it('a ratio that is missed is told beside what the writer alone reaches', () => {
  expect(missedRatios(bulk)).toEqual([
    '- **bulk**: 5 × tuned is 500,000 rows/s in this run; Sluice has 330,000. Ready records alone are appended, compressed and committed at 500,000; Sluice, which also reads and decodes on these cores, is at 66 % of that.',
  ]);
  const slowWriter = { ...bulk, limits: [{ name: 'write', rowsPerSecond: 400_000 } as const] };
  expect(missedRatios(slowWriter)[0]).toContain('leave no room for it on these cores');
});

it('what was not measured is neither reached nor missed', () => {
  const quick = { ...bulk, contenders: bulk.contenders.slice(0, 2) };
  expect(verdicts(quick)).toContainEqual({ text: '5 × tuned', holds: undefined });
  const latency: ScenarioResult = { ...bulk, name: 'latency', contenders: [] };
  expect(verdicts(latency).every(({ holds }) => holds === undefined)).toBe(true);
});

it('the gate names the ratio that fell below its floor', () => {
  const floors = [
    { scenario: 'bulk', limit: 'decode', ratio: 0.3 },
    { scenario: 'bulk', limit: 'write', ratio: 0.7 },
    { scenario: 'bulk', limit: 'read', ratio: 0.1 },
    { scenario: 'single', limit: 'decode', ratio: 0.9 },
  ] as const;
  expect(gateFailures([bulk], floors)).toEqual([
    'bulk: Sluice reaches 0.66 of what write alone does; at least 0.7 is expected.',
    'bulk: read alone could not be measured.',
  ]);
});

const report: BenchReport = {
  environment: {
    date: '2026-11-23T06:00:00.000Z',
    size: 'full',
    commit: 'abc',
    cores: 2,
    processor: 'Some <CPU> & more',
    memoryGb: 24,
    kernel: '6.1',
    versions: { mysql: '9.7.4' },
    contenders: [{ name: 'sluice', description: 'Sluice', settings: {} }],
  },
  scenarios: [
    bulk,
    {
      ...bulk,
      name: 'memory',
      limits: [],
      contenders: [contenderResult('sluice', [measured(1)])],
      memory: [
        { second: 0, residentMb: 200 },
        { second: 1, residentMb: 250 },
      ],
    },
  ],
};

it('what is measured anew takes its place among what was measured before', () => {
  const environment = { ...report.environment, commit: 'def' };
  const earlier = {
    ...report,
    scenarios: report.scenarios.map((of) => ({ ...of, commit: 'abc' })),
  };
  const newer = { environment, scenarios: [{ ...bulk, size: 7, commit: 'def' }] };
  const both = beside(earlier, newer);
  expect(both.scenarios.map(({ name, commit }) => [name, commit])).toEqual([
    ['bulk', 'def'],
    ['memory', 'abc'],
  ]);
  expect(performancePage(both)['docs/performance.md']).toContain(
    'bulk of commit `def`; memory of commit `abc`',
  );
  expect(beside(undefined, newer).scenarios).toHaveLength(1);
});

it('the table has a line for each program and each part alone, in columns', () => {
  const lines = printedResults(report, false).split('\n');
  expect(lines.slice(0, 7).map((line) => line.trimEnd())).toMatchInlineSnapshot(`
    [
      "scenario  program            rows/s  p50 / p99  peak memory  CPU s per million  streaming / copied / loaded  Sluice is",
      "bulk      sluice            330,000                  300 MB                2.5",
      "          debezium           30,000                2,000 MB                2.5                                  11.0 ×",
      "          debezium-tuned    100,000                2,100 MB                2.5                                   3.3 ×",
      "          decode alone    1,000,000",
      "          write alone       500,000",
      "memory    sluice                  1                  300 MB                2.5",
    ]
  `);
});

it('--json prints one document', () => {
  const document = JSON.parse(printedResults(report, true)) as { scenarios: { name: string }[] };
  expect(document.scenarios.map(({ name }) => name)).toEqual(['bulk', 'memory']);
});

it('the page shows every chart it comes with', () => {
  const { 'docs/performance.md': page = '', ...charts } = performancePage(report);
  expect(Object.keys(charts)).toEqual([
    'docs/performance/rates.svg',
    'docs/performance/memory.svg',
    'docs/performance/latency.svg',
    'docs/performance/memory-over-time.svg',
  ]);
  for (const path of Object.keys(charts)) expect(page).toContain(`](${path.replace('docs/', '')})`);
});

it('the page says what a row costs, as a whole and in parts', () => {
  const { 'docs/performance.md': page } = performancePage(report);
  expect(page).toContain('| bulk | 3.03 |  | 1.00 | 2.00 |  |');
});

it('without a full run the page says so and has no charts', () => {
  const files = performancePage(undefined);
  expect(Object.keys(files)).toEqual(['docs/performance.md']);
  expect(files['docs/performance.md']).toContain('No full run has been recorded');
});
