import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';

describe('the workflow bundle', () => {
  it('builds from workflows alone: no Node built-in, no driver, no activity code', async () => {
    const problems: string[] = [];
    const { code } = await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)),
      logger: {
        log: (_level, message) => problems.push(message),
        trace: () => undefined,
        debug: () => undefined,
        info: () => undefined,
        warn: (message) => problems.push(message),
        error: (message) => problems.push(message),
      },
    });
    expect(problems).toEqual([]);
    for (const name of ['cdcPipeline', 'cdcSink', 'cdcSnapshotTrigger', 'cdcDrop'])
      expect(code).toContain(name);
    expect(code).not.toMatch(/node_modules\/(mysql2|kafkajs|@platformatic|@duckdb|pino)\//);
  }, 60_000);
});
