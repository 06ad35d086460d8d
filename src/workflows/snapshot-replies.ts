import { getExternalWorkflowHandle } from '@temporalio/workflow';
import { SNAPSHOT_DONE } from '../control/messages.ts';
import type { SnapshotReply } from '../control/state-machine.ts';

/** Tells workflows how the snapshots ended that they wait for. A run may end when all are told. */
export class SnapshotReplies {
  #underWay = 0;

  send(replies: readonly SnapshotReply[]): void {
    for (const reply of replies) {
      this.#underWay += 1;
      void tell(reply).finally(() => (this.#underWay -= 1));
    }
  }

  areSent(): boolean {
    return this.#underWay === 0;
  }
}

async function tell({ workflowId, done }: SnapshotReply): Promise<void> {
  try {
    await getExternalWorkflowHandle(workflowId).signal(SNAPSHOT_DONE, done);
  } catch {
    // Whoever asked has gone; how the snapshot ended is on record in the pipeline.
  }
}
