import type { RunningCommand, StreamCommand } from '../control/stream-command.ts';

/**
 * The commands that a stream has been given and that no durable checkpoint names yet: some came with
 * its start, others while it ran. They outlive an attempt, so that the next one finds what the last
 * did not get to.
 */
export class GivenCommands {
  /** In the order in which they were given. */
  #waiting: readonly StreamCommand[];
  /** So many of them this attempt has taken. */
  #taken = 0;
  #onGiven: () => void = () => undefined;

  constructor(first: readonly StreamCommand[] = []) {
    this.#waiting = first;
  }

  /** One that waits already is not kept twice. */
  give(commands: readonly RunningCommand[]): void {
    const known = new Set(this.#waiting.map(({ commandId }) => commandId));
    this.#waiting = [
      ...this.#waiting,
      ...commands.filter(({ commandId }) => !known.has(commandId)),
    ];
    this.#onGiven();
  }

  /** Who is called when more come, in the place of whoever was before. */
  onGiven(listener: () => void): void {
    this.#onGiven = listener;
  }

  /** All that wait, for an attempt that begins and has taken none of them. */
  begin(): readonly StreamCommand[] {
    this.#taken = 0;
    return this.#waiting;
  }

  get hasMore(): boolean {
    return this.#taken < this.#waiting.length;
  }

  /** Those that this attempt has not taken yet. */
  takeMore(): readonly StreamCommand[] {
    const more = this.#waiting.slice(this.#taken);
    this.#taken = this.#waiting.length;
    return more;
  }

  /** A checkpoint that names them, which have been taken, is durable. */
  settle(commandIds: readonly string[]): void {
    const settled = new Set(commandIds);
    const left = this.#waiting.filter(({ commandId }) => !settled.has(commandId));
    this.#taken -= this.#waiting.length - left.length;
    this.#waiting = left;
  }
}
