import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { PIPELINE_ATTRIBUTE, STATE_ATTRIBUTE } from '../control/names.ts';

const STATE = defineSearchAttributeKey(STATE_ATTRIBUTE, SearchAttributeType.KEYWORD);
const PIPELINE = defineSearchAttributeKey(PIPELINE_ATTRIBUTE, SearchAttributeType.KEYWORD);

/** Shows what is going on while a step runs; no event of the history. */
export const showDetails = setCurrentDetails;

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
