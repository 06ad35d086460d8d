import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, constants, glob, mkdir, mkdtemp, readFile, stat, utimes } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CACHE_FOLDER } from './code-cache.ts';

const SOURCE = join(import.meta.dirname, '..');
const BUNDLER = join(import.meta.dirname, 'bundle-workflows.ts');
/** What workflows may import; the dependency rules hold them to it. */
const FOLDERS = ['workflows', 'control', 'change', 'errors'];

/**
 * The workflows as one file of JavaScript, which Temporal's sandbox needs, made when it is first
 * wanted. Another process makes it: bundling takes a second and 140 MB, which a worker would keep
 * for good. The file is named by what went into it, so it cannot be out of date.
 */
export async function workflowBundle(): Promise<{ readonly codePath: string }> {
  const name = `workflows-${await fingerprint()}.js`;
  const cached = join(CACHE_FOLDER, name);
  if (await isUsable(cached)) return { codePath: cached };
  const codePath = join(await writableFolder(), name);
  await promisify(execFile)(process.execPath, [BUNDLER, codePath], { env: bundlerEnvironment() });
  return { codePath };
}

/** Of the sources, the SDK that bundles them and the Node that will run them. */
async function fingerprint(): Promise<string> {
  const { version } = createRequire(import.meta.url)('@temporalio/worker/package.json') as {
    readonly version: string;
  };
  const hash = createHash('sha256').update(`${version} ${process.version}`);
  const files: string[] = [];
  for await (const file of glob(`{${FOLDERS.join(',')}}/**/*.ts`, { cwd: SOURCE }))
    files.push(file);
  for (const file of files.sort())
    hash.update(`\0${file}\0`).update(await readFile(join(SOURCE, file)));
  return hash.digest('hex').slice(0, 32);
}

/**
 * The user's own cache; without one, a fresh folder: code must not be taken from a place that others
 * can write to.
 */
async function writableFolder(): Promise<string> {
  try {
    await mkdir(CACHE_FOLDER, { recursive: true, mode: 0o700 });
    await access(CACHE_FOLDER, constants.W_OK);
    return CACHE_FOLDER;
  } catch {
    return mkdtemp(join(tmpdir(), 'sluice-workflows-'));
  }
}

/** Also marks it as used, so that a later clean-up leaves it. */
async function isUsable(file: string): Promise<boolean> {
  try {
    if (!(await stat(file)).isFile()) return false;
    const now = new Date();
    await utimes(file, now, now).catch(() => undefined);
    return true;
  } catch {
    return false;
  }
}

/** No secret of the worker's environment is the bundler's business. */
function bundlerEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, TMPDIR };
}
