import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stackCommand } from './command-line.ts';
import { scratchFolder } from './scratch-folder.ts';

/** A machine whose `docker` is a shell script that notes how it is called. */
async function machineWithDocker(script: string) {
  const folder = scratchFolder();
  const calls = join(folder, 'calls');
  await mkdir(join(folder, 'bin'));
  const docker = join(folder, 'bin/docker');
  await writeFile(calls, '');
  await writeFile(docker, `#!/bin/sh\necho "$*" >>${calls}\n${script}\n`);
  await chmod(docker, 0o755);
  const env: NodeJS.ProcessEnv = {
    PATH: `${join(folder, 'bin')}:/bin`,
    XDG_CACHE_HOME: join(folder, 'cache'),
    SLUICE_STACK_DIR: join(folder, 'stack'),
  };
  return {
    env,
    /** The words after the options that every Compose call has. */
    calls: async () => {
      const lines = (await readFile(calls, 'utf8')).trimEnd().split('\n');
      return lines.map((line) =>
        line.replace(/^compose -p sluice-[0-9a-f]{8} .* --profile \* /, ''),
      );
    },
  };
}

const BREAKS_AT_UP = `case "$*" in
  *" up "*) env | grep ^SLUICE_TEMPORAL; exit 14;;
esac`;

const DIES_AFTER_UP = `case "$*" in
  *" logs "*) echo "disk full";;
esac`;

describe('a container engine that answers', () => {
  it('is used, with ports of this run and options for Temporal', async () => {
    const { env, calls } = await machineWithDocker(BREAKS_AT_UP);
    const option = ['--temporal-dynamic-config', 'limit.historyCount.suggestContinueAsNew=50'];
    const up = await stackCommand(['up', '--only', 'temporal', ...option], env);
    expect(up.code).toBe(1);
    expect(await calls()).toEqual([
      'info',
      'compose version',
      'pull --quiet temporal',
      'up --detach --no-deps temporal',
    ]);
    expect(up.stderr).toContain('docker compose up --detach --no-deps temporal failed');
    expect(up.stderr).toMatch(/SLUICE_TEMPORAL_PORT=\d{5}/);
    expect(up.stderr).toMatch(/SLUICE_TEMPORAL_UI_PORT=\d{5}/);
    expect(up.stderr).toContain(
      'SLUICE_TEMPORAL_OPTIONS=--dynamic-config-value limit.historyCount.suggestContinueAsNew=50',
    );
  });

  it('whose container ends at once has its log shown', async () => {
    const { env } = await machineWithDocker(DIES_AFTER_UP);
    const { code, stderr } = await stackCommand(['up', '--only', 'kafka'], env);
    expect(code).toBe(1);
    expect(stderr).toContain('kafka ended while starting:\ndisk full');
  });

  it('is told by down to remove containers and data', async () => {
    const { env, calls } = await machineWithDocker(BREAKS_AT_UP);
    await stackCommand(['up', '--only', 'kafka'], env);
    expect((await stackCommand(['down'], env)).code).toBe(0);
    expect((await calls()).at(-1)).toBe('down --volumes');
    const status = await stackCommand(['status'], env);
    expect(status.stdout).toContain('kafka     absent');
  });
});

describe('an engine that does not answer', () => {
  it.each([
    ['refuses', 'exit 1'],
    ['hangs', 'exec sleep 30'],
    ['has no Compose', 'case "$*" in "compose version") exit 1;; esac'],
  ])('because it %s leaves it to packages', async (_, script) => {
    const { env } = await machineWithDocker(script);
    const { code, stderr } = await stackCommand(['up', '--only', 'temporal'], env);
    expect(code).toBe(3);
    expect(stderr).toContain('temporal: needs go');
  });
});
