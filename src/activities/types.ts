import type { PipelineSpec } from '../control/pipeline-spec.ts';
import type { RunningCommand, StreamCommand, Tripwire } from '../control/stream-command.ts';
import type { Outcome } from '../errors/catalogue.ts';
import type { SluiceError } from '../errors/error.ts';

export interface StreamInput {
  readonly spec: PipelineSpec;
  readonly tripwire: Tripwire;
  readonly commands: readonly StreamCommand[];
  /** Stopped tables that the workflow has on record; none when absent. */
  readonly stoppedTables?: number;
  /** The workflow has an open incident of this work, which is tried again and again. */
  readonly isKnownToFail?: boolean;
}

export interface SinkInput {
  readonly spec: PipelineSpec;
  readonly sinkName: string;
  /** What has been decided about the sink; see its workflow. */
  readonly renewal?: string;
  readonly snapshot?: { readonly id: string; readonly state: 'asked' | 'finished' };
  /** As in {@link StreamInput}. */
  readonly stoppedTables?: number;
  readonly isKnownToFail?: boolean;
}

export interface SinkResult {
  /** The sink goes on when this snapshot of every table was asked for. */
  readonly needsSnapshot?: string;
}

/** Sinks or schedules as they shall be: those of the spec, and none of the retired names. */
export interface EnsureInput {
  readonly spec: PipelineSpec;
  readonly retired: readonly string[];
}

/** Commands for the stream of a pipeline that a process runs. */
export interface GiveInput {
  readonly pipeline: string;
  readonly commands: readonly RunningCommand[];
}

/** What workflows ask of workers. Every payload is JSON-plain and free of secrets and rows. */
export interface Activities {
  /** Preflight on the source, internal topics in Kafka. Idempotent. Fails with every fatal finding at once. */
  provision(spec: PipelineSpec): Promise<void>;
  /** Starts the workflow of each sink, or hands it the new configuration; stops retired ones. Idempotent. */
  ensureSinks(input: EnsureInput): Promise<void>;
  /** Makes Temporal's schedules equal the configuration's. Idempotent. */
  ensureSchedules(input: EnsureInput): Promise<void>;
  /** Captures until cancelled; fails with a typed failure on what needs a decision. */
  streamBinlog(input: StreamInput): Promise<void>;
  /** Hands commands to the stream that this process runs; false when it runs none. */
  giveCommands(input: GiveInput): Promise<boolean>;
  /** Fills one warehouse until cancelled, or until it needs a snapshot. */
  runSink(input: SinkInput): Promise<SinkResult>;
  /** Stops sinks and removes schedules; topics go only when asked. Idempotent. */
  teardown(input: { readonly spec: PipelineSpec; readonly deleteTopics: boolean }): Promise<void>;
}

/** First of the details of a typed failure. */
export interface FailureDetails {
  readonly outcome: Outcome;
  readonly facts: SluiceError['facts'];
}
