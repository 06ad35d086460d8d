import { subscribe } from 'node:diagnostics_channel';

/**
 * Loaded into every thread of a worker that shall die: ends the process with SIGKILL when it reaches
 * the point of `SLUICE_KILL_AT=<point>:<n>` for the nth time in one thread.
 */
const [name, times] = (process.env['SLUICE_KILL_AT'] ?? '').split(':');
let left = Number(times);

subscribe('sluice.point', (point) => {
  if (point !== name) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
});
