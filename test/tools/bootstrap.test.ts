import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { scratchFolder } from './stack/scratch-folder.ts';

const BOOTSTRAP = join(import.meta.dirname, '../../tools/bootstrap.mjs');

/** npm as a script: it says what it was asked on both streams and "installs" a program. */
const NPM = `#!/bin/sh
echo "npm $*"
mkdir -p node_modules/.bin
echo '{}' >node_modules/.package-lock.json
printf '#!/bin/sh\\necho "own program: $*"\\n' >node_modules/.bin/program
chmod +x node_modules/.bin/program`;

async function writeProgram(path: string, script: string): Promise<void> {
  await writeFile(path, script);
  await chmod(path, 0o755);
}

async function freshClone(npm = NPM): Promise<string> {
  const folder = scratchFolder();
  await mkdir(join(folder, 'tools'));
  await mkdir(join(folder, 'bin'));
  await copyFile(BOOTSTRAP, join(folder, 'tools/bootstrap.mjs'));
  await writeFile(join(folder, 'package-lock.json'), '{}');
  await writeProgram(join(folder, 'bin/npm'), npm);
  return folder;
}

function start(folder: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [join(folder, 'tools/bootstrap.mjs'), ...args], {
    env: { PATH: `${join(folder, 'bin')}:/usr/bin:/bin` },
  });
}

async function bootstrap(folder: string, ...args: readonly string[]) {
  const child = start(folder, args);
  if (child.stdout === null || child.stderr === null) throw new Error('not piped');
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code, stdout, stderr };
}

describe('bootstrap', () => {
  it('installs what a fresh clone lacks, then runs its own programs first', async () => {
    const { code, stdout, stderr } = await bootstrap(await freshClone(), 'program', 'a', 'b c');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'own program: a b c\n' });
    expect(stderr).toContain('npm ci --no-audit --no-fund');
  });

  it('installs nothing when all is there', async () => {
    const folder = await freshClone();
    await bootstrap(folder, 'program');
    expect((await bootstrap(folder, 'program')).stderr).toBe('');
  });

  it('installs again when the list of packages is newer', async () => {
    const folder = await freshClone();
    await bootstrap(folder, 'program');
    const later = new Date(Date.now() + 60_000);
    await utimes(join(folder, 'package-lock.json'), later, later);
    expect((await bootstrap(folder, 'program')).stderr).toContain('npm ci');
  });

  it('installs again when the last installation did not finish', async () => {
    const folder = await freshClone();
    await mkdir(join(folder, 'node_modules/half'), { recursive: true });
    expect((await bootstrap(folder, 'program')).stderr).toContain('npm ci');
  });

  it('takes an installation that was interrupted while it updated for unfinished', async () => {
    const folder = await freshClone();
    await bootstrap(folder, 'program');
    const later = new Date(Date.now() + 60_000);
    await utimes(join(folder, 'package-lock.json'), later, later);
    await writeProgram(join(folder, 'bin/npm'), '#!/bin/sh\nexit 130');
    await bootstrap(folder, 'program');
    expect(existsSync(join(folder, 'node_modules/.package-lock.json'))).toBe(false);
  });

  it('runs nothing when the installation fails', async () => {
    const { code, stdout, stderr } = await bootstrap(await freshClone('#!/bin/sh\nexit 7'), 'echo');
    expect({ code, stdout }).toEqual({ code: 7, stdout: '' });
    expect(stderr).toContain('npm ci failed with exit code 7');
  });

  it.each([
    [['sh', '-c', 'exit 42'], 42],
    [['sh', '-c', 'kill -KILL $$'], 137],
    [['no-such-program'], 127],
    [[], 2],
  ])('ends as the command %j does', async (args, code) => {
    expect((await bootstrap(await freshClone(), ...args)).code).toBe(code);
  });

  it('passes signals on and ends with what the command made of them', async () => {
    const script = 'trap "exit 5" TERM; echo up; while :; do sleep 0.05; done';
    const child = start(await freshClone(), ['sh', '-c', script]);
    if (child.stdout === null) throw new Error('not piped');
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect((await once(child, 'close'))[0]).toBe(5);
  });
});
