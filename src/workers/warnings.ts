/**
 * Keeps one warning of a dependency off stderr: kafkajs 2.2.4 computes a negative delay for its
 * throttle check, which newer Node versions set to 1 ms and complain about once a process. All other
 * warnings are printed as before.
 */
export function quietKnownWarnings(): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name !== 'TimeoutNegativeWarning')
      process.stderr.write(`${warning.name}: ${warning.message}\n`);
  });
}
