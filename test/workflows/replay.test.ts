import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';

const FOLDER = new URL('../fixtures/histories/', import.meta.url);
const NAMES = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

describe('recorded histories', () => {
  let workflowBundle: WorkflowBundleWithSourceMap;
  beforeAll(async () => {
    workflowBundle = await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)),
    });
  }, 60_000);

  it('cover streaming, pause, gap, recovery, schedule, drop and sinks', () => {
    expect(NAMES.length).toBeGreaterThanOrEqual(11);
  });

  it.each(NAMES)('%s is replayed by the present workflows without a difference', async (name) => {
    const text = readFileSync(new URL(name, FOLDER), 'utf8');
    // Without these flags the replayer skips the comparison of names and ids.
    expect(text).toContain('coreUsedFlags');
    const history = historyFromJSON(JSON.parse(text));
    await Worker.runReplayHistory({ workflowBundle }, history, 'cdc/shop');
  });

  it('are compared for real: a renamed activity is noticed', async () => {
    const text = readFileSync(new URL('pipeline-streaming.json', FOLDER), 'utf8');
    const history = historyFromJSON(JSON.parse(text.replaceAll('"streamBinlog"', '"readBinlog"')));
    await expect(Worker.runReplayHistory({ workflowBundle }, history, 'cdc/shop')).rejects.toThrow(
      /streamBinlog|readBinlog|nondeterminism/i,
    );
  });
});
