import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Change, copyOfCode } from '../support/code-copy.ts';

const FOLDER = fileURLToPath(new URL('../fixtures/histories/', import.meta.url));
const jsonIn = (folder: string): readonly string[] =>
  readdirSync(join(FOLDER, folder))
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(folder, name));
/** `npm run histories` records them on the code that is released. */
const OF_LAST_RELEASE = jsonIn('last-release');
/** Of runs from before, which go on for as long as nothing ends them. */
const EARLIER = jsonIn('.');

const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');

const bundleOf = (repository: string): Promise<WorkflowBundleWithSourceMap> =>
  bundleWorkflowCode({
    workflowsPath: join(repository, 'src/workflows/index.ts'),
    logger: new DefaultLogger('ERROR'),
  });

const replay = (workflowBundle: WorkflowBundleWithSourceMap, text: string): Promise<void> =>
  Worker.runReplayHistory({ workflowBundle }, historyFromJSON(JSON.parse(text)), 'cdc/shop');

const SOME_STEP = 'await activities.ensureSchedules(';
const ONE_MORE_STEP = 'await activities.ensureSinks({ spec, retired: [] });';
const changed = (to: string): Change => ({
  file: 'src/workflows/pipeline.ts',
  from: SOME_STEP,
  to: `${to}\n${SOME_STEP}`,
});

describe('recorded histories', () => {
  let workflowBundle: WorkflowBundleWithSourceMap;
  beforeAll(async () => {
    workflowBundle = await bundleOf(fileURLToPath(new URL('../../', import.meta.url)));
  }, 60_000);

  it.each([
    ['last release', OF_LAST_RELEASE],
    ['releases before', EARLIER],
  ])('of the %s cover streaming, pause, gap, recovery, schedule, drop and sinks', (_, names) => {
    expect(names.length).toBeGreaterThanOrEqual(11);
  });

  it.each([...OF_LAST_RELEASE, ...EARLIER])(
    '%s is replayed by the present workflows without a difference',
    async (name) => {
      const text = read(name);
      // Without these flags the replayer skips the comparison of names and ids.
      expect(text).toContain('coreUsedFlags');
      await replay(workflowBundle, text);
    },
  );

  it('are compared for real: a renamed activity is noticed', async () => {
    const text = read('last-release/pipeline-streaming.json');
    await expect(
      replay(workflowBundle, text.replaceAll('"streamBinlog"', '"readBinlog"')),
    ).rejects.toThrow(/streamBinlog|readBinlog|nondeterminism/i);
  });
});

describe('a change of workflow code', () => {
  const streaming = read('last-release/pipeline-streaming.json');

  it('that adds a step breaks the histories of the last release', async () => {
    using code = copyOfCode(changed(ONE_MORE_STEP));
    const workflowBundle = await bundleOf(code.path);
    await expect(replay(workflowBundle, streaming)).rejects.toThrow(/nondeterminism/i);
  }, 60_000);

  it('that adds it behind a patch leaves them as they are', async () => {
    using code = copyOfCode(changed(`if (patched('one more step')) ${ONE_MORE_STEP}`));
    await replay(await bundleOf(code.path), streaming);
  }, 60_000);
});
