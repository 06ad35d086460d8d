import { describe, expect, it } from 'vitest';
import { stackCommand } from './command-line.ts';
import { scratchFolder } from './scratch-folder.ts';

/** A machine without any program, engine or cache. */
function bareMachine(): NodeJS.ProcessEnv {
  const folder = scratchFolder();
  return { PATH: '/nonexistent', XDG_CACHE_HOME: folder, SLUICE_STACK_DIR: `${folder}/stack` };
}

describe('the command line', () => {
  it.each([
    [['sideways'], 'There is no command "sideways"'],
    [['up', '--only', 'mysql,oracle'], 'not "oracle"'],
    [['up', '--fast'], '--fast'],
    [['stop'], 'Name one of mysql, mariadb, kafka, temporal, bigquery.'],
  ])('refuses %j with exit code 2', async (args, message) => {
    const { code, stdout, stderr } = await stackCommand(args, bareMachine());
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  it('names what is missing for which server and the variable that would do instead', async () => {
    const { code, stdout, stderr } = await stackCommand(['up', '--json'], bareMachine());
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain('mysql: needs apt-get and dpkg-deb; or set SLUICE_MYSQL_URL=mysql://');
    expect(stderr).toContain('kafka: needs java (JDK 17 or newer) and mvn (Maven 3); or set');
    expect(stderr).toContain('temporal: needs go (1.24 or newer); or set SLUICE_TEMPORAL_ADDRESS=');
    expect(stderr).not.toContain('mariadb');
  });

  it('ends with 3 when a server of the environment does not answer', async () => {
    const env = { ...bareMachine(), SLUICE_MYSQL_URL: 'mysql://root:hush@127.0.0.1:1' };
    const { code, stderr } = await stackCommand(['up', '--only', 'mysql'], env);
    expect(code).toBe(3);
    expect(stderr).toContain('The mysql that SLUICE_MYSQL_URL names does not answer');
    expect(stderr).not.toContain('hush');
  });

  it('shows servers of the environment and absent ones, and never a password', async () => {
    const env = { ...bareMachine(), SLUICE_MYSQL_URL: 'mysql://cdc:hush@db:3310' };
    const { code, stdout } = await stackCommand(['status'], env);
    expect(code).toBe(0);
    expect(stdout).toBe(
      'mysql     external  cdc@db:3310\nmariadb   absent\nkafka     absent\ntemporal  absent\nbigquery  absent\n',
    );
  });

  it('does not stop a server that somebody else runs', async () => {
    const env = { ...bareMachine(), SLUICE_KAFKA_BROKERS: 'k:9092' };
    const { code, stderr } = await stackCommand(['stop', 'kafka'], env);
    expect(code).toBe(2);
    expect(stderr).toContain('it is not ours to stop or start');
  });

  it('takes down a run that never was', async () => {
    expect(await stackCommand(['down'], bareMachine())).toMatchObject({ code: 0, stdout: '' });
  });

  it('refuses an engine it does not know', async () => {
    const env = { ...bareMachine(), SLUICE_STACK_ENGINE: 'podman' };
    const { code, stderr } = await stackCommand(['up'], env);
    expect(code).toBe(2);
    expect(stderr).toContain('it may be containers or packages');
  });
});
