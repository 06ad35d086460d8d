/**
 * Instants at which a crash is interesting; a crash test kills the process at each of them.
 * Listed in the order one batch passes them.
 */
export const CAPTURE_KILL_POINTS = [
  'captureFenced',
  'captureBeforeFirstCheckpoint',
  'captureBeforePublish',
  'capturePublished',
  'captureChunkRead',
  'captureChunkEmitted',
  'captureCutInsideTransaction',
  'captureHeartbeatPending',
] as const;

export type CaptureKillPoint = (typeof CAPTURE_KILL_POINTS)[number];
