import { code, markdownTable } from '../../tools/docs/markdown.ts';
import { medianOf, rateAlone, type ScenarioResult } from '../results.ts';
import { SCENARIOS, type ScenarioKind } from '../scenarios.ts';
import { BARS, count } from './bars.ts';
import { missedRatios } from './missed.ts';
import type { BenchReport } from './report.ts';
import { barText, HEADS, tableRows } from './rows.ts';
import { barChart, lineChart } from './svg.ts';

const CHARTS = 'docs/performance';

/** docs/performance.md and its charts, by path. */
export function performancePage(report: BenchReport | undefined): Readonly<Record<string, string>> {
  const charts = report ? chartsOf(report.scenarios) : {};
  const page = [
    INTRODUCTION,
    report ? resultsSection(report, Object.keys(charts)) : NO_RESULTS,
    TRIED,
    HOW,
  ];
  return { 'docs/performance.md': `${page.join('\n\n')}\n`, ...charts };
}

function chartsOf(scenarios: readonly ScenarioResult[]): Readonly<Record<string, string>> {
  const groups = (
    pick: (
      figures: NonNullable<ScenarioResult['contenders'][number]['median']>,
    ) => number | undefined,
  ) =>
    scenarios
      .map(({ name, contenders }) => ({
        label: name,
        bars: contenders.flatMap(({ name: series, median }) => {
          const value = median && pick(median);
          return value === undefined ? [] : [{ series, value }];
        }),
      }))
      .filter(({ bars }) => bars.length > 0);
  const samples = scenarios.find(({ memory }) => memory !== undefined)?.memory ?? [];
  const points = samples.map(({ second, residentMb }) => ({ x: second, y: residentMb }));
  return {
    [`${CHARTS}/rates.svg`]: barChart(
      'Rows per second, more is better',
      groups(({ rowsPerSecond }) => rowsPerSecond),
      count,
    ),
    [`${CHARTS}/memory.svg`]: barChart(
      'Peak memory in MB, less is better',
      groups(({ peakMemoryMb }) => peakMemoryMb),
      count,
    ),
    [`${CHARTS}/latency.svg`]: barChart(
      'Latency p99 in ms, less is better',
      groups(({ p99Ms }) => p99Ms),
      (ms) => ms.toFixed(0),
    ),
    ...(points.length > 0 && {
      [`${CHARTS}/memory-over-time.svg`]: lineChart(
        'Memory of a worker under a steady load',
        points,
        {
          limit: BARS.memory.peakMemoryMb,
          x: 's',
          y: 'MB',
        },
      ),
    }),
  };
}

function resultsSection(
  { environment, scenarios }: BenchReport,
  charts: readonly string[],
): string {
  const { date, commit, cores, processor, memoryGb, kernel, versions, contenders } = environment;
  const figures = charts.map((path) => `![${path}](${path.replace('docs/', '')})`);
  const machine = [
    [
      'machine',
      `${cores} cores of ${processor}, ${memoryGb} GB, Linux ${kernel}; everything on it`,
    ],
    ...Object.entries(versions),
    ...contenders.map(({ name, description, settings }) => [
      name,
      `${description}; ${Object.entries(settings)
        .map(([key, value]) => `${key}=${value}`)
        .join(', ')}`,
    ]),
  ];
  const missed = scenarios.flatMap(missedRatios);
  return [
    `## Results of ${date.slice(0, 10)}`,
    `${roundsText(scenarios)}, ${commitsOf(scenarios, commit)}. A run counts only when its topics hold exactly the records that were written.`,
    ...figures,
    markdownTable(HEADS, scenarios.flatMap(tableRows)),
    '### Against the bars',
    markdownTable(
      ['scenario', 'data', 'bar'],
      scenarios.map((scenario) => [
        scenario.name,
        `${count(scenario.size)}: ${scenario.data}`,
        barText(scenario),
      ]),
    ),
    ...(missed.length === 0 ? [] : ['### What is missing to a bar', missed.join('\n')]),
    '### Where the time goes',
    'Microseconds a row of the whole, and of parts alone that have nobody to wait for. The broker, MySQL and the worker share the cores, so the parts do not add up to the whole: reading and decoding go on while a transaction commits.',
    markdownTable(STAGE_HEADS, scenarios.flatMap(stageRow)),
    '### Versions and settings',
    markdownTable(['what', 'is'], machine),
  ].join('\n\n');
}

/** The memory scenario, of one long run, does not count. */
function roundsText(scenarios: readonly ScenarioResult[]): string {
  const rounds = scenarios
    .filter(({ name }) => name !== 'memory')
    .map(({ contenders }) => Math.max(...contenders.map(({ runs }) => runs.length)));
  const [least, most] = [Math.min(...rounds), Math.max(...rounds)];
  if (most <= 1) return 'One round';
  return least === most ? `Medians of ${most} rounds` : `Medians of ${least} to ${most} rounds`;
}

/** A run in parts may have measured more than one commit. */
function commitsOf(scenarios: readonly ScenarioResult[], newest: string): string {
  const byCommit = Map.groupBy(scenarios, (scenario) => scenario.commit ?? newest);
  if (byCommit.size <= 1) return `commit ${code(newest)}`;
  const parts = [...byCommit].map(
    ([commit, of]) => `${of.map(({ name }) => name).join(', ')} of commit ${code(commit)}`,
  );
  return parts.join('; ');
}

const STAGES = ['read', 'decode', 'write', 'fixed-table'] as const;
const STAGE_HEADS = ['scenario', 'Sluice', ...STAGES.map((stage) => `${stage} alone`)];

function stageRow(result: ScenarioResult): readonly (readonly string[])[] {
  if (result.limits.length === 0) return [];
  const micros = (rate: number | undefined): string =>
    rate === undefined ? '' : (1_000_000 / rate).toFixed(2);
  const rates = [
    medianOf(result, 'sluice')?.rowsPerSecond,
    ...STAGES.map((stage) => rateAlone(result, stage)),
  ];
  return [[result.name, ...rates.map(micros)]];
}

const INTRODUCTION = `# Performance

<!-- Generated by \`npm run bench\` from the newest file in bench/results/. -->

\`npm run bench\` sets up MySQL, Kafka, Temporal and Debezium by itself and lets Sluice and Debezium copy the same changes from the same server into the same broker, one after another. What counts is the ratio between programs in one run; absolute rates belong to the machine.`;

const NO_RESULTS = '## Results\n\nNo full run has been recorded yet: `npm run bench` makes one.';

/** Measured by hand while it was made, both ways in one run or one right after the other. */
const TRIED = `## What was tried

${markdownTable(
  ['what', 'measured', 'kept'],
  [
    [
      'rows from the bytes of the log to the bytes of the topic, without an object or a string a row ([decision 0006](decisions/0006-generated-row-codec.md))',
      '1.1 us of CPU a row to the batch instead of 2.2; 1.6 instead of 2.7 with zstd and CRC32C',
      'yes',
    ],
    [
      'source text generated and compiled for each table map',
      'as fast as writers composed from prepared parts, harder to read',
      'no',
    ],
    [
      'packets cut into events when they are wanted, not when they arrive',
      'single: 389 MB at the peak instead of 447; what is cut early outlives the young generation',
      'yes',
    ],
    [
      'CRC32 of events up to 240 bytes in JavaScript',
      '66 ns for 80 bytes instead of 195: calling zlib costs more than the sum',
      'yes',
    ],
    [
      'write buffers by size, from 16 KiB, instead of 1 MiB for whatever outgrows the first',
      'many-tables: 354 MB at the peak instead of 763, and 80,500 rows/s instead of 54,700 (with the next two)',
      'yes',
    ],
    [
      'a chunk for zstd of a third of the input instead of 256 KiB',
      '39 us instead of 48 for a batch of 40 KB',
      'yes',
    ],
    [
      "AddPartitionsToTxn answers read without the library's error and stack for each partition",
      'two seconds of CPU less in a million rows of 200 tables',
      'yes',
    ],
    [
      'a transaction that may grow while the broker commits the one before',
      'bulk: 293,200 rows/s instead of 252,500',
      'yes',
    ],
    [
      'of an event like the last one only the digits are written',
      '0.4 us instead of 1.4 for the envelope of a one-row transaction',
      'yes',
    ],
    [
      'a chunk of a snapshot as JSON bytes, written as its rows arrive, instead of rows of buffers and then of values',
      'snapshot: 2.6 us of CPU a row instead of 7.3, 373 MB at the peak instead of 475',
      'yes',
    ],
    [
      "a sink's records decoded one at a time, in runs of 256 KiB instead of 4 MiB",
      'a sink alone: 520 MB at the peak instead of 548',
      'yes',
    ],
    [
      'a staging table for each batch; TRUNCATE keeps the blocks of a temporary table',
      'a sink alone: 490 MB at the peak instead of 530, and no temporary files instead of 118 MB',
      'yes',
    ],
    [
      'old generations collected when they have grown by three fifths; large blocks mapped by themselves',
      'a sink alone: 410 MB at the peak instead of 495; the scenario sink 560 instead of 628',
      'yes',
    ],
    [
      'blocks from 2 MiB instead of 256 KiB mapped by themselves: the working memory of zstd stays where it is from call to call',
      '0.75 ms instead of 1.05 for a batch of 1 MiB; bulk 298,000 rows/s instead of 281,000',
      'yes',
    ],
    [
      'CRC32 of short events eight bytes at a time instead of four',
      '0.32 us instead of 0.36 to 0.5 for the five events of a one-row transaction',
      'yes',
    ],
    [
      'zstd in threads of the pool, from 64 KiB on',
      'bulk: 328,000 rows/s instead of 382,000 and 3.6 us of CPU a row instead of 2.7; single 130,000 instead of 121,000',
      'no',
    ],
    [
      'record batches of 256 KiB instead of 1 MiB, which the caches of a core hold',
      'bulk as fast, single a tenth slower: a request takes one batch a partition, so there are four times as many',
      'no',
    ],
    [
      'a hash table of 16 KB for zstd instead of 64, where records are small',
      'bulk: 437,000 rows/s instead of 394,000, 2.4 us of CPU a row instead of 2.7; batches up to a twentieth larger',
      'yes',
    ],
    ['a negative level of zstd', 'as fast as that, batches half as large again', 'no'],
    [
      'no generator, list, copy or text for an event of the log, and one regular expression a table instead of one a row',
      'single: 167,000 rows/s instead of 140,000, 6.1 us of CPU a row instead of 7.4',
      'yes',
    ],
    [
      'a window of 128 KiB for zstd instead of 512, where records are below 16 KB; the broker and every reader set aside as much',
      'bulk: 523,000 rows/s instead of 449,000 (medians of five), wide 28,400 instead of 22,800; batches a hundredth larger',
      'yes',
    ],
    ["telling zstd the input's size", 'it knows: the same bytes in the same time', 'no'],
    [
      'the compressed records sent from where zstd left them instead of copied behind their header',
      'bulk: as fast, 3 MB less at the peak',
      'no',
    ],
    [
      'a limit of rows that may be passed threefold, as that of bytes, while the broker commits',
      'many-tables: 91,000 rows/s instead of 89,600 (medians of four): within the noise',
      'no',
    ],
    [
      'compiled code from a cache, a young generation of 8 MB, two malloc arenas',
      'a worker before its first pipeline: 241 MB instead of 295; bulk 368 MB at the peak instead of 430',
      'yes',
    ],
    [
      'a workflow bundle made by a process that ends',
      'a worker before its first pipeline: 139 MB less',
      'yes',
    ],
    ['DuckDB with 256 MB instead of 128', 'no faster, and 120 MB larger', 'no'],
  ],
)}`;

const UNITS: Readonly<Record<ScenarioKind, string>> = {
  backlog: ' rows',
  snapshot: ' rows',
  sink: ' rows',
  latency: ' s',
  memory: ' s',
  fleet: ' tables',
};

const HOW = `## How it is measured

- **Rates** come from the broker: topics are created with broker time (\`LogAppendTime\`), and a run lasts from the first record that reaches the broker to the moment the last one can be read with \`read_committed\`. The backlog lies in the log before the program starts. Starting up is not counted for anybody.
- **Memory** is the sum of \`VmHWM\` over the program's processes; **CPU** their time in /proc between the first and the last record.
- **Latency** is the time from the acknowledged COMMIT at the writer to the fetch response that holds the transaction's last row. Ten seconds of the same load come before and are not counted. The rate beside it is what the writer reached: it gets less done where the program leaves it too little of the cores. The tail of Sluice's is the broker's: in a run with p99 143 ms at 40,000 rows/s, its 3,153 transactions took 6 ms in the middle from the first produce request to the acknowledged commit, 63 ms at p99 and 210 ms at most, and what was written meanwhile waited for them (\`sluice_publish_duration_seconds\`).
- **sink** fills the topics while the sink is paused and counts rows in the warehouse from its first to its last commit; the view must then equal the source.
- **fleet-of-tables** counts from the start of the worker until the pipeline streams, until every table is consistent in the warehouse, and, once changes were written while it was paused, from the resume until the views of fifty tables equal the source. Its rate is that of many-tables, over all tables; Sluice makes its topics itself. Debezium has no warehouse, and does not take part.
- A run whose record count differs from what was written, or whose sample of records does not hold the rows that were written, does not count, and the benchmark says why and exits with 1.
- Everybody gets topics of the same settings, made beforehand: 3 partitions, in many-tables 1. Connections are not encrypted.
- **Limit rows**: \`read alone\` takes the same log from the server and throws it away; \`decode alone\` decodes its events from memory; \`write alone\` appends, compresses and commits ready records; \`fixed table, one thread\` is a program that knows bulk's one table by heart and does nothing but copy it, with headers, three partitions and transactions: bulk's bar is 80 % of its rate.

The scenarios:

${markdownTable(
  ['scenario', 'full size', 'quick size', 'data'],
  Object.values(SCENARIOS).map(({ name, size, data, kind }) => {
    const unit = UNITS[kind];
    return [name, `${count(size.full)}${unit}`, `${count(size.quick)}${unit}`, data];
  }),
)}

## Reproduce it

\`\`\`sh
npm run bench                       # everything, three rounds
npm run bench -- --quick            # under six minutes; fails when Sluice falls behind its own parts
npm run bench -- --only bulk        # one scenario
npm run bench -- --only bulk --keep # the same, and its results take their place on this page
npm run bench -- --profile bulk     # .cpuprofile files for Chrome's or VS Code's viewer
npm run bench -- --json             # one document
\`\`\`

## Your own program beside them

\`npm run bench -- --peer 'mine=./my-program' --peer-topic 'mine={prefix}.{database}.{table}'\` runs the command in every capture scenario. It finds in its environment what to read and where to write:

${markdownTable(
  ['variable', 'meaning'],
  [
    ['BENCH_MYSQL_HOST, _PORT, _USER, _PASSWORD', 'the source'],
    ['BENCH_DATABASE, BENCH_TABLES', 'what to capture; tables with commas between them'],
    [
      'BENCH_BINLOG_FILE, _POS, BENCH_GTID_SET',
      'where to begin; absent when the rows that are there are to be copied',
    ],
    ['BENCH_KAFKA_BROKERS', 'host:port, with commas between them'],
    ['BENCH_PREFIX', 'what stands for `{prefix}` in its topics, which exist already'],
  ],
)}

It runs until SIGTERM. Its records are counted; their content is not looked at.`;
