import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  type CaptureProcessReport,
  type CaptureProcessTask,
  STREAMING,
} from './capture-process.ts';
import { account, MYSQL_URL, testDatabase } from './support.ts';

const MIB = 1 << 20;
const ROWS = 17_500;
const ROW_BYTES = 60_000;

/** Runs `change` once the process streams, and answers what it reports in the end. */
async function reportOf(
  task: CaptureProcessTask,
  change: () => Promise<void>,
): Promise<CaptureProcessReport> {
  const program = fileURLToPath(new URL('capture-process.ts', import.meta.url));
  // As bin/sluice runs.
  const flags = ['--max-semi-space-size=8', '--heap-growing-percent=60'];
  const child = spawn(process.execPath, [...flags, program, JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let last = '';
  let changing: Promise<void> | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === STREAMING) changing = change();
    else last = line;
  }
  await changing;
  expect((await ended)[0]).toBe(0);
  return JSON.parse(last) as CaptureProcessReport;
}

/** Its rows go to the log and nowhere else, so that a gigabyte of them takes seconds. */
describe.skipIf(!MYSQL_URL || process.platform !== 'linux')(
  'a compressed transaction of a gigabyte',
  () => {
    it('is captured in less than 200 MiB, and timers run meanwhile', async () => {
      await using db = await testDatabase({ 'SESSION cte_max_recursion_depth': String(ROWS) });
      await db.run(
        'CREATE TABLE large (id INT PRIMARY KEY, body LONGTEXT) ENGINE = BLACKHOLE',
        'SET SESSION binlog_transaction_compression = ON',
      );
      const report = await reportOf({ account: account(), database: db.name, rows: ROWS }, () =>
        db.run(
          `INSERT INTO large WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
           SELECT i, REPEAT(CHAR(97 + i % 26), ${ROW_BYTES}) FROM n`,
        ),
      );
      expect(ROWS * ROW_BYTES).toBeGreaterThan(1_000 * MIB);
      expect(report.rows).toBe(ROWS);
      expect(report.transactions).toBe(1);
      expect(report.peakBytes).toBeLessThan(200 * MIB);
      expect(report.ticks).toBeGreaterThan(10);
    });
  },
);
