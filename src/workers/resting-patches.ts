import { COMMANDS_REACH_A_RUNNING_STREAM } from '../control/names.ts';

/**
 * Patches of workflow code that this version can replay and does not use yet: the next release takes
 * them from here. A run that has used one can be replayed by no version that does not know it, so the
 * versions that run beside a new one, and the one that somebody goes back to, have to know it first
 * (docs/decisions/0013).
 */
const RESTING: readonly string[] = [COMMANDS_REACH_A_RUNNING_STREAM];

/** Whether a run that comes to a patch for the first time goes the new way. */
export const usesPatch = (patchId: string): boolean => !RESTING.includes(patchId);
