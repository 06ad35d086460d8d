import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { endProcess, launch, logTail, runningPid } from '../../../tools/stack/detached-process.ts';
import { scratchFolder } from './scratch-folder.ts';

async function launchShell(script: string): Promise<string> {
  const folder = scratchFolder();
  await launch(folder, { program: '/bin/sh', args: ['-c', script] }, process.env);
  onTestFinished(() => endProcess(folder, 'SIGKILL'));
  return folder;
}

async function untilLogged(folder: string, text: string): Promise<void> {
  await expect.poll(() => logTail(folder)).toContain(text);
}

describe.skipIf(process.platform !== 'linux')('a launched server', () => {
  it('is found by its folder at once, with the pid it really has', async () => {
    const folder = await launchShell('echo $$; exec sleep 60');
    const pid = await runningPid(folder);
    await untilLogged(folder, `${pid}`);
  });

  it('leads a process group of its own, so that its starter may be interrupted', async () => {
    const folder = await launchShell('exec sleep 60');
    const stat = await readFile(`/proc/${await runningPid(folder)}/stat`, 'utf8');
    const [, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    expect([group, session].map(Number)).toEqual([
      await runningPid(folder),
      await runningPid(folder),
    ]);
  });

  it('is gone, with its whole group, when endProcess returns', async () => {
    const folder = await launchShell('sleep 60 & echo child $!; wait');
    await untilLogged(folder, 'child');
    const child = Number(/child (\d+)/.exec(await logTail(folder))?.[1]);
    await endProcess(folder, 'SIGTERM');
    expect(await runningPid(folder)).toBeUndefined();
    await expect.poll(() => existsSync(`/proc/${child}/cwd`)).toBe(false);
  });

  it('that ignores SIGTERM is killed after the grace', async () => {
    const folder = await launchShell('trap "" TERM; echo deaf; while :; do sleep 60; done');
    await untilLogged(folder, 'deaf');
    await endProcess(folder, 'SIGTERM', 100);
    expect(await runningPid(folder)).toBeUndefined();
  });
});

describe.skipIf(process.platform !== 'linux')('a pid file', () => {
  it('that names a stranger is not believed', async () => {
    const folder = scratchFolder();
    await writeFile(join(folder, 'server.pid'), `${process.pid}\n`);
    expect(await runningPid(folder)).toBeUndefined();
    await endProcess(folder, 'SIGKILL');
  });

  it.each(['', 'x\n', '0\n', '-1\n', '1\n', '4194304\n'])(
    'that holds %j names nobody',
    async (text) => {
      const folder = scratchFolder();
      await writeFile(join(folder, 'server.pid'), text);
      expect(await runningPid(folder)).toBeUndefined();
    },
  );
});
