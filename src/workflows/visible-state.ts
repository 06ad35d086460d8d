import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { log, setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { PIPELINE_ATTRIBUTE, STATE_ATTRIBUTE } from '../control/names.ts';
import { stateChanges } from '../control/state-changes.ts';
import type { MachineState } from '../control/state-machine.ts';

const STATE = defineSearchAttributeKey(STATE_ATTRIBUTE, SearchAttributeType.KEYWORD);
const PIPELINE = defineSearchAttributeKey(PIPELINE_ATTRIBUTE, SearchAttributeType.KEYWORD);

/** Shows what is going on while a step runs, and has changes logged; no event of the history. */
export function showChange(
  of: { readonly pipeline: string; readonly sink?: string },
  before: MachineState,
  after: MachineState,
  details: string,
): void {
  setCurrentDetails(details);
  const { pipeline, sink } = of;
  const subject = `${sink === undefined ? '' : `sink ${sink} of `}pipeline ${pipeline}`;
  for (const { level, text } of stateChanges(subject, before, after)) log[level](text, { ...of });
}

/**
 * Shows a workflow's state in the Web UI and to list queries. Each upsert is an event and is billed,
 * so the search attributes, which continue-as-new carries over, are written on change only.
 */
export function showState(pipeline: string, state: string, details: string): void {
  setCurrentDetails(details);
  const shown = workflowInfo().typedSearchAttributes;
  if (shown.get(STATE) === state && shown.get(PIPELINE) === pipeline) return;
  upsertSearchAttributes([
    { key: STATE, value: state },
    { key: PIPELINE, value: pipeline },
  ]);
}
