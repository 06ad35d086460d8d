/**
 * Reads `SLUICE_KILL_AT=<point>[:<n>]`: the process ends itself with SIGKILL when it reaches the
 * point for the nth time. Used by the crash tests; without the variable it costs a comparison.
 */
export function killSwitch(setting: string | undefined): (point: string) => void {
  if (setting === undefined || setting === '') return () => undefined;
  const [name, times = '1'] = setting.split(':');
  let left = Number(times);
  return (point) => {
    if (point !== name) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
