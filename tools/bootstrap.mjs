// Runs a command with this repository's own Node and programs, installing them first if needed:
//
//   node tools/bootstrap.mjs <command> [argument]...
//
// Written for the machine's Node (20 or newer) and an empty folder: it imports nothing but Node's
// own modules. The packages bring the Node that everything else runs on.
import { spawn } from 'node:child_process';
import { existsSync, rmSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));
const lockFile = join(repository, 'package-lock.json');
const packages = join(repository, 'node_modules');
const installed = join(packages, '.package-lock.json');
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** True when the packages are missing or older than the list of them. */
function mustInstall() {
  if (!existsSync(installed)) return true;
  return existsSync(lockFile) && statSync(lockFile).mtimeMs > statSync(installed).mtimeMs;
}

/**
 * Runs a program to its end and returns its exit code; signals sent to this process reach it.
 * A program ended by a signal counts as a shell counts it: 128 and the signal's number.
 */
function execute(program, args, options) {
  return new Promise((resolve) => {
    // A terminal sends its interrupt to the child itself, too: it should not get it twice.
    const forward = (signal) => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    // Before the child can say anything: a signal in between would end this process and leave it.
    for (const signal of SIGNALS) process.on(signal, forward);
    const child = spawn(program, args, options);
    const finish = (code) => {
      for (const signal of SIGNALS) process.off(signal, forward);
      resolve(code);
    };
    child.on('error', (error) => {
      process.stderr.write(`${program} could not be run: ${error.message}\n`);
      finish(error.code === 'ENOENT' ? 127 : 126);
    });
    child.on('close', (code, signal) => finish(code ?? 128 + constants.signals[signal]));
  });
}

/**
 * Installs exactly the versions of the lock file, always from nothing. npm's mark of a finished
 * installation goes first, so that one that is cut short is not taken for done.
 *
 * npm's output goes to standard error: standard output belongs to the command.
 */
async function install() {
  process.stderr.write('Installing the packages; this happens once.\n');
  rmSync(installed, { force: true });
  // Some packages want a newer Node than the one that installs them: the one they will run with.
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const code = await execute('npm', args, { cwd: repository, stdio: ['ignore', 2, 2] });
  if (code !== 0) process.stderr.write(`npm ci failed with exit code ${code}; nothing was run.\n`);
  return code;
}

async function main([program, ...args]) {
  if (program === undefined) {
    process.stderr.write('usage: node tools/bootstrap.mjs <command> [argument]...\n');
    return 2;
  }
  const installCode = mustInstall() ? await install() : 0;
  if (installCode !== 0) return installCode;
  const path = `${join(packages, '.bin')}${delimiter}${process.env.PATH ?? ''}`;
  return execute(program, args, { stdio: 'inherit', env: { ...process.env, PATH: path } });
}

process.exitCode = await main(process.argv.slice(2));
