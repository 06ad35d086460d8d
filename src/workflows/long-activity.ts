import {
  CancellationScope,
  CancelledFailure,
  condition,
  isCancellation,
} from '@temporalio/workflow';
import type { Verdict } from '../control/incident.ts';
import { UNASKED_RESTART_DELAY } from './activity-options.ts';
import { verdictOf } from './failure.ts';

/** The one step a workflow is at, which a command can end. */
export class CurrentStep {
  #scope: CancellationScope | undefined;

  interrupt(): void {
    this.#scope?.cancel();
  }

  /**
   * Runs one step to its end. An interrupted step is over when its activity has said so; one that
   * ends with neither result nor verdict is left alone for a moment, unless `changed` by then.
   *
   * @throws {CancelledFailure} when the workflow itself is cancelled
   */
  async run(
    work: () => Promise<void>,
    onVerdict: (verdict: Verdict) => void,
    changed: () => boolean,
  ): Promise<void> {
    const scope = new CancellationScope();
    this.#scope = scope;
    try {
      await scope.run(work);
    } catch (error) {
      const verdict = isCancellation(error) ? undefined : verdictOf(error);
      if (verdict) onVerdict(verdict);
    } finally {
      this.#scope = undefined;
    }
    if (CancellationScope.current().consideredCancelled)
      throw new CancelledFailure('The workflow was cancelled.');
    if (!scope.consideredCancelled && !changed()) await condition(changed, UNASKED_RESTART_DELAY);
  }
}
