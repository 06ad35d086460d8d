import type { BeforeImageRule, InvalidTextRule } from '../change/row-settings.ts';

/** Where a secret is found by the worker that needs it; the secret itself never crosses Temporal. */
export type SecretRef = { readonly env: string } | { readonly file: string };

export interface TlsSpec {
  /** Path of a PEM file; the system's roots otherwise. */
  readonly ca?: string;
  readonly verify: boolean;
}

export interface SourceSpec {
  readonly kind: 'mysql' | 'mariadb';
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: SecretRef;
  readonly tls?: TlsSpec;
  /** `database.table` patterns, see `parseTablePattern`. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Whether tables are followed that schema change tools fill beside the real one; `skip` when absent. */
  readonly ghostTables?: 'skip' | 'follow';
  /** Settings of single tables in the order of the file: the last pattern that matches counts. */
  readonly tables?: readonly TableSettings[];
  /** Replica server id of the dump; unique among the server's replicas. */
  readonly serverId: number;
}

export interface TableSettings {
  readonly pattern: string;
  readonly onFailure: OnTableFailure;
  /** `stop` when absent, as in what was applied before there was a choice. */
  readonly invalidText?: InvalidTextRule;
  /** `full` when absent, likewise. */
  readonly beforeImage?: BeforeImageRule;
}

/** What a table does that cannot be read, decoded or written: it stops alone, or all tables with it. */
export type OnTableFailure = 'stop-table' | 'stop-pipeline';

export interface KafkaSpec {
  readonly brokers: readonly string[];
  readonly prefix: string;
  readonly partitions: number;
  readonly replication: number;
  readonly compression: 'zstd' | 'none';
  readonly tls?: TlsSpec;
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: SecretRef;
  };
}

export interface DuckdbSinkSpec {
  readonly kind: 'duckdb';
  /** Absolute. */
  readonly file: string;
  /** Host that owns the file: the sink runs on its task queue only. */
  readonly host: string;
  readonly commitIntervalMs: number;
  readonly maxBatchBytes: number;
  readonly changesExpireDays?: number;
  /** Absent in what was applied before it could be set. */
  readonly memoryLimitMb?: number;
}

export interface BigQuerySinkSpec {
  readonly kind: 'bigquery';
  readonly project: string;
  /** Of datasets and jobs: `EU`, `europe-west1`. */
  readonly location: string;
  /** Dataset of the tables behind the views, and of the bookkeeping. */
  readonly internalDataset: string;
  /** Names of views, with `{database}` and `{table}` in them. */
  readonly dataset: string;
  readonly table: string;
  /** Absolute; the application default credentials when absent. */
  readonly keyFile?: string;
  /** Service account to act as. */
  readonly impersonate?: string;
  /** Of a BigQuery that is not Google's; it is asked without credentials. */
  readonly endpoint?: string;
  /** `host:port` of the Storage Write API of such a BigQuery. */
  readonly storageEndpoint?: string;
  readonly kmsKey?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly changesExpireDays?: number;
  /** Load jobs when absent, as in what was applied before there was a choice. */
  readonly writePath?: 'load-jobs' | 'storage-write';
  readonly loadIntervalMs: number;
  readonly maxBatchBytes: number;
  /** A table with any change is folded after this long. */
  readonly compactionIntervalMs: number;
  readonly compactionPriority: 'interactive' | 'batch';
  readonly onRefusedRow: 'stop' | 'reject';
}

export type SinkSpec = DuckdbSinkSpec | BigQuerySinkSpec;

export interface SnapshotSpec {
  readonly mode: 'initial' | 'never';
  readonly chunkRows: number;
  readonly schedules: Readonly<
    Record<string, { readonly cron: string; readonly tables: readonly string[] }>
  >;
}

export interface StreamSpec {
  readonly maxBatchBytes: number;
  readonly maxBatchRows: number;
  /** A batch is closed when no event came for this long. */
  readonly idleMs: number;
  readonly heartbeatTimeoutMs: number;
}

/** When work that fails and is tried again becomes an incident. */
export interface FailureSettings {
  /** It has not got past one place for this long. */
  readonly incidentAfterMs: number;
  /** It has failed this often in that time, wherever it was. */
  readonly incidentAfterCount: number;
}

/** A pipeline as validated from its YAML file: complete, JSON-plain, without secrets. */
export interface PipelineSpec {
  readonly v: 1;
  readonly pipeline: string;
  readonly source: SourceSpec;
  readonly kafka: KafkaSpec;
  readonly sinks: Readonly<Record<string, SinkSpec>>;
  readonly snapshot: SnapshotSpec;
  readonly stream: StreamSpec;
  /** Absent in what was applied before it could be set. */
  readonly failures?: FailureSettings;
}
