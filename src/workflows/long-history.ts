import { workflowInfo } from '@temporalio/workflow';

const TOLD_AT_WORK: readonly string[] = ['stoppedTables', 'failing', 'working', 'streamEnded'];

/**
 * Whether the run has to end because of what activities tell it. A table that stops and returns
 * again and again tells for as long as its activity runs, and the server ends a workflow whose
 * history has grown too long.
 */
export function isLongHistory({ kind }: { readonly kind: string }): boolean {
  return TOLD_AT_WORK.includes(kind) && workflowInfo().continueAsNewSuggested;
}
