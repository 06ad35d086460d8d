import { EXIT } from './exit-code.ts';

/**
 * Aborted by the first Ctrl-C or SIGTERM, so that work under way can end in order. The second one
 * ends the process at once: a person who presses twice means it.
 */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.failed);
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return controller.signal;
}
