import type { Finding } from '../control/finding.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import type { Log } from '../observability/log.ts';
import type { PipelineProgress, SinkProgress } from '../observability/progress.ts';

/** Where the Temporal server is. */
export interface TemporalAddress {
  /** `host:port` of the frontend. */
  readonly address: string;
  readonly namespace: string;
}

export interface WorkerOptions extends TemporalAddress {
  /** Port of `/metrics` and `/healthz` on the loopback interface; none when absent. */
  readonly metricsPort: number | undefined;
  /** Aborted: finish what is under way, leave in order, resolve. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

export interface TailOptions {
  readonly brokers: readonly string[];
  /** Security settings, when a pipeline file gave them. */
  readonly kafka?: PipelineSpec['kafka'];
  readonly topic: string;
  readonly fromBeginning: boolean;
  /** Ends after so many records; never when absent. */
  readonly limit?: number;
  readonly signal: AbortSignal;
}

export interface TailRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

export interface QueryOptions {
  /** Absolute. */
  readonly file: string;
  /** One SELECT. */
  readonly sql: string;
  /** Most rows that are returned. */
  readonly limit: number;
}

export interface QueryResult {
  readonly columns: readonly string[];
  /** JSON-plain values in the order of `columns`. */
  readonly rows: readonly (readonly unknown[])[];
  /** There are more rows than these. */
  readonly truncated: boolean;
  /** They are left out because the answer would be too long. */
  readonly isFull?: true;
}

export interface Incident {
  readonly id: string;
  /** Error code; `sluice explain CODE` says more. */
  readonly code: string;
  readonly message: string;
  readonly openedAtMs: number;
  readonly closedAtMs?: number;
  /** What `recover --action` takes for it. */
  readonly actions: readonly string[];
}

export interface SinkStatus {
  readonly name: string;
  readonly state: string;
  /** Why it does not get on, while it tries again by itself. */
  readonly reason?: string;
  readonly progress?: SinkProgress;
  readonly incident?: Incident;
}

export interface PipelineStatus {
  readonly pipeline: string;
  readonly state: string;
  readonly sinceMs: number;
  readonly reason?: string;
  /** Absent until the stream has reported once. */
  readonly progress?: PipelineProgress;
  readonly sinks: readonly SinkStatus[];
  readonly incident?: Incident;
}

/** Who asks, and why; part of the pipeline's record. */
export interface Requester {
  readonly by: string;
  readonly reason?: string;
}

export interface RecoverRequest extends Requester {
  readonly incidentId: string;
  readonly action: 'retry' | 'resnapshot';
  /** All tables of the pipeline when absent. */
  readonly tables?: readonly string[];
}

/** What became of a command. */
export interface CommandReceipt {
  /** A worker has taken it. Otherwise it waits in the server for one, and may yet be refused. */
  readonly taken: boolean;
  /** For a person. */
  readonly message: string;
}

/** What a sink in BigQuery has cost, and will at this pace; amounts at list prices. */
export interface SinkCost {
  readonly sink: string;
  readonly project: string;
  readonly dataset: string;
  /** From here on there are records: the days that were asked for, or the first load ever; absent before there is one. */
  readonly sinceMs?: number;
  readonly commits: number;
  readonly days: readonly TableDayCost[];
  readonly reads: readonly TableReads[];
  readonly month: {
    readonly compactionBytes: number;
    /** Of the looks before compactions; estimated. */
    readonly lookBytes: number;
    readonly commitBytes: number;
    /** Of rows by stream; the first 2 TiB are free. */
    readonly streamedBytes: number;
    readonly usd: number;
  };
  /** In state and changelog of the tables whose views were estimated. */
  readonly stored: { readonly tables: number; readonly bytes: number; readonly usdAMonth: number };
  readonly price: string;
  readonly advice: readonly {
    readonly setting: string;
    readonly value: string;
    readonly because: string;
    readonly savesUsd?: number;
  }[];
}

export interface TableDayCost {
  readonly table: string;
  /** `2026-11-23`, UTC. */
  readonly day: string;
  readonly loads: number;
  readonly rows: number;
  readonly loadedBytes: number;
  /** Those of `loadedBytes` that came by stream. */
  readonly streamedBytes: number;
  readonly compactions: number;
  readonly compactionBytes: number;
}

/** Bytes that `SELECT *` of each view reads, by dry run. */
export interface TableReads {
  readonly table: string;
  readonly now?: number;
  readonly latest?: number;
  readonly history?: number;
  readonly asOf?: number;
}

export interface CostOptions {
  readonly days: number;
  /** Tables whose views are estimated, the dearest first; all when absent. */
  readonly maxTables?: number;
}

/** What an operator can ask of pipelines, through Temporal. */
export interface PipelineControl extends AsyncDisposable {
  apply(
    spec: PipelineSpec,
  ): Promise<CommandReceipt & { readonly workflowId: string; readonly created: boolean }>;
  list(): Promise<readonly PipelineStatus[]>;
  status(pipeline: string): Promise<PipelineStatus>;
  incidents(pipeline: string): Promise<readonly Incident[]>;
  /** @throws {SluiceError} `pipeline.no-worker` */
  config(pipeline: string): Promise<PipelineSpec>;
  pause(pipeline: string, who: Requester): Promise<CommandReceipt>;
  resume(pipeline: string, who: Requester): Promise<CommandReceipt>;
  requestSnapshot(
    pipeline: string,
    request: Requester & { readonly tables: readonly string[] },
  ): Promise<CommandReceipt & { readonly snapshotId: string }>;
  recover(pipeline: string, request: RecoverRequest): Promise<CommandReceipt>;
  drop(
    pipeline: string,
    request: Requester & { readonly deleteTopics: boolean },
  ): Promise<CommandReceipt>;
}

/** Everything the command line reaches beyond itself; src/cli/main.ts plugs the real ones in. */
export interface CliPorts {
  runWorker(options: WorkerOptions): Promise<void>;
  checkPipeline(spec: PipelineSpec): Promise<{ readonly findings: readonly Finding[] }>;
  /** Of every sink of kind bigquery. */
  sinkCosts(spec: PipelineSpec, options: CostOptions): Promise<readonly SinkCost[]>;
  tailTopic(options: TailOptions): AsyncIterable<TailRecord>;
  queryWarehouse(options: QueryOptions): Promise<QueryResult>;
  /** @throws {SluiceError} `temporal.unreachable` */
  connect(address: TemporalAddress): Promise<PipelineControl>;
}
