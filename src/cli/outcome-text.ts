import type { CommandReceipt } from '../temporal/pipeline-client.ts';

/** What to say of a command: that it was done, or, when no worker has taken it yet, that the server keeps it. */
export function outcomeText({ taken, message }: CommandReceipt, done: string): string {
  return taken ? done : message;
}
