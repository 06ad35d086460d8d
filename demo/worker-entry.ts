import { finished } from 'node:stream';

/**
 * The command line in a process that does not outlive the one that started it: standard input is a
 * pipe of that one, and ends with it, however it ended. SIGKILL, because the servers may be gone as
 * well, and no worker needs a farewell.
 */
process.stdin.unref();
finished(process.stdin.resume(), () => process.kill(process.pid, 'SIGKILL'));
await import('../src/cli/main.ts');
