/**
 * Instants at which a crash is interesting; a crash test kills the process at each of them.
 * Listed in the order a sink passes them: the first two when it makes its warehouse, the others in
 * every round; `sinkDeletesWritten` only into BigQuery, behind each truncate or sweep.
 */
export const SINK_KILL_POINTS = [
  'sinkPreparing',
  'sinkPrepared',
  'sinkBeforeApply',
  'sinkMidTransaction',
  'sinkDeletesWritten',
  'sinkBeforeCommit',
  'sinkCommitted',
  'sinkCompacting',
] as const;

export type SinkKillPoint = (typeof SINK_KILL_POINTS)[number];
