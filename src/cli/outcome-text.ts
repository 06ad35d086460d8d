import type { CommandReceipt } from './ports.ts';

/** What to say of a command: that it was done, or, when no worker has taken it yet, that the server keeps it. */
export function outcomeText(receipt: CommandReceipt | void, done: string): string {
  return receipt && !receipt.taken ? receipt.message : done;
}
