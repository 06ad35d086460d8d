import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from './address.ts';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

const LOG_FILE = 'server.log';
const PID_FILE = 'server.pid';
const POLL_MS = 25;
const GRACE_MS = 30_000;

/**
 * The command behind a shell that first writes its pid, which stays the command's, to a file in the
 * working directory. Spawn it detached: whoever ends it later signals its process group.
 */
export function leavingPidFile(command: Command): Command {
  const script = `echo $$ >${PID_FILE} && exec "$0" "$@"`;
  return { program: '/bin/sh', args: ['-c', script, command.program, ...command.args] };
}

/**
 * Starts a program that outlives this one, in a process group and session of its own, with the
 * server's folder as working directory and its output appended to the log there.
 *
 * The process writes its own pid file before it becomes the server, so there is no moment at which
 * a killed starter leaves a server that nobody can find.
 */
export async function launch(folder: string, command: Command, env: Environment): Promise<void> {
  await rm(join(folder, PID_FILE), { force: true });
  const log = await open(join(folder, LOG_FILE), 'a', 0o600);
  try {
    const { program, args } = leavingPidFile(command);
    const child = spawn(program, args, {
      ...{ cwd: folder, env, detached: true },
      stdio: ['ignore', log.fd, log.fd],
    });
    await once(child, 'spawn');
    child.unref();
    await untilPidIsWritten(folder, child.pid);
  } finally {
    await log.close();
  }
}

/** Until then a reader of the file would take the server for dead. */
async function untilPidIsWritten(folder: string, pid: number | undefined): Promise<void> {
  while (pid !== undefined && (await writtenPid(folder)) !== pid && !(await isGone(pid))) {
    await delay(1);
  }
}

async function writtenPid(folder: string): Promise<number | undefined> {
  try {
    const pid = Number.parseInt(await readFile(join(folder, PID_FILE), 'utf8'), 10);
    return pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The pid of the server that runs in this folder, or undefined.
 *
 * A number in the file is believed only if that process works inside the folder: after a reboot, or
 * in a folder that was copied, the number belongs to a stranger. A zombie has no working directory.
 */
export async function runningPid(folder: string): Promise<number | undefined> {
  const pid = await writtenPid(folder);
  if (pid === undefined) return undefined;
  try {
    const works = await readlink(`/proc/${pid}/cwd`);
    const home = await realpath(folder);
    return works === home || works.startsWith(home + sep) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Ends the server in this folder and returns when it is gone; does nothing if none runs.
 * A server that has not ended `graceMs` after `signal` gets SIGKILL.
 */
export async function endProcess(
  folder: string,
  signal: NodeJS.Signals,
  graceMs = GRACE_MS,
): Promise<void> {
  let next = signal;
  for (;;) {
    const pid = await runningPid(folder);
    if (pid === undefined) return;
    signalGroup(pid, next);
    const deadlineMs = Date.now() + graceMs;
    while (Date.now() < deadlineMs) {
      if (await isGone(pid)) return;
      await delay(POLL_MS);
    }
    next = 'SIGKILL';
  }
}

/**
 * True when no thread of the process is left. The first thread of a killed server becomes a zombie
 * while others still hold its sockets and file locks, so a zombie counts only when it is alone.
 */
async function isGone(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const state = stat.slice(stat.lastIndexOf(')') + 2)[0];
    return state === 'Z' && (await readdir(`/proc/${pid}/task`)).length === 1;
  } catch {
    return true;
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The last lines a server wrote, for the message of an error. */
export async function logTail(folder: string): Promise<string> {
  try {
    const text = await readFile(join(folder, LOG_FILE), 'utf8');
    return text.trimEnd().split('\n').slice(-15).join('\n');
  } catch {
    return '(no log)';
  }
}
