/**
 * Instants at which a crash is interesting; a crash test kills the process at each of them.
 * Listed in the order one round passes them.
 */
export const SINK_KILL_POINTS = [
  'sinkBeforeApply',
  'sinkMidTransaction',
  'sinkBeforeCommit',
  'sinkCommitted',
  'sinkCompacting',
] as const;

export type SinkKillPoint = (typeof SINK_KILL_POINTS)[number];
