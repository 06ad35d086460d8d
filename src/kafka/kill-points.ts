/** The instants of one transaction at which a crash leaves the broker in another state. */
export const KAFKA_KILL_POINTS = [
  /** Partitions added, no row sent. */
  'kafkaBegun',
  /** Rows and position acknowledged, commit not asked for. */
  'kafkaRowsSent',
  /** Commit on its way, answer not seen. */
  'kafkaCommitSent',
  'kafkaCommitted',
] as const;

export type KafkaKillPoint = (typeof KAFKA_KILL_POINTS)[number];
