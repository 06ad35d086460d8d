import { patched, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/types.ts';
import { COMMANDS_REACH_A_RUNNING_STREAM } from '../control/names.ts';
import type { PipelineEvent, PipelineTransition } from '../control/pipeline-state.ts';
import {
  isRunningCommand,
  type RunningCommand,
  type StreamCommand,
} from '../control/stream-command.ts';

/**
 * The stream that runs, as far as commands can be handed to it without ending it: by an activity on
 * the queue of the process that has it. The commands stay pending until the stream says that they are
 * applied, and whoever starts after a crash says where it runs, and gets them again.
 */
export class RunningStream {
  readonly #pipeline: string;
  readonly #restart: () => void;
  /** Absent before the stream has said where it runs. */
  #queue: string | undefined;

  /** @param restart  ends the stream, whose successor begins with all that is pending */
  constructor(pipeline: string, restart: () => void) {
    this.#pipeline = pipeline;
    this.#restart = restart;
  }

  /** A stream begins, which nothing is known of yet. */
  begins(): void {
    this.#queue = undefined;
  }

  /** Whether what an event leaves pending is on its way to the stream, which need not end for it. */
  handles(event: PipelineEvent, { state: { pending }, interrupt }: PipelineTransition): boolean {
    if (event.kind === 'captureStarted') {
      this.#queue = event.queue;
      return pending.length > 0 && this.#takes(pending);
    }
    const isForStream = event.kind === 'requestSnapshot' || event.kind === 'cancelSnapshot';
    return isForStream && interrupt && this.#takes(pending);
  }

  #takes(commands: readonly StreamCommand[]): boolean {
    const queue = this.#queue;
    const running = commands.filter(isRunningCommand);
    if (queue === undefined || running.length < commands.length) return false;
    if (!patched(COMMANDS_REACH_A_RUNNING_STREAM)) return false;
    void this.#give(queue, running);
    return true;
  }

  async #give(queue: string, commands: readonly RunningCommand[]): Promise<void> {
    const { giveCommands } = proxyActivities<Activities>({
      taskQueue: queue,
      // A process that is gone asks for nothing.
      scheduleToStartTimeout: '5 seconds',
      startToCloseTimeout: '5 seconds',
      retry: { maximumAttempts: 1 },
    });
    const isTaken = await giveCommands({ pipeline: this.#pipeline, commands }).catch(() => false);
    // Another one may have begun meanwhile, with the commands.
    if (!isTaken && this.#queue === queue) this.#restart();
  }
}
