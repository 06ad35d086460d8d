/** Aborted by Ctrl-C, SIGTERM or a closed terminal; the process lives on and ends its work in order. */
export function interruptible(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => controller.abort());
  return controller.signal;
}
