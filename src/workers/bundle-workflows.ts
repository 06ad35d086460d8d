/**
 * Bundles the workflows into the file named by the first argument, whole or not at all, and removes
 * bundles beside it that nothing has used for a while.
 */
import { glob, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const UNUSED_MS = 30 * 24 * 3_600_000;

const [, , target] = process.argv;
if (target === undefined) throw new Error('usage: bundle-workflows.ts FILE');
const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
  logger: new DefaultLogger('ERROR'),
});
const unfinished = `${target}.${process.pid}`;
await writeFile(unfinished, code, { mode: 0o600 });
await rename(unfinished, target);
for await (const name of glob('workflows-*.js*', { cwd: dirname(target) })) {
  const file = join(dirname(target), name);
  const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }));
  if (Date.now() - mtimeMs > UNUSED_MS) await rm(file, { force: true });
}
