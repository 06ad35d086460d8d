import type { KafkaAddress, SqlAddress, TemporalAddress } from '../tools/stack/address.ts';

/** Where a run of the benchmark works. */
export interface Place {
  readonly mysql: SqlAddress;
  readonly kafka: KafkaAddress;
  readonly temporal: TemporalAddress;
  /** Absolute; working directories of programs, each with its log. */
  readonly programs: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}
