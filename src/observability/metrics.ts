/** A metric as Prometheus sees it. Units are in the name; label values come from bounded sets. */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, for histograms only. */
  readonly buckets?: readonly number[];
}

/** From one row to the row limit of a batch, by tens and their halves. */
const ROW_BUCKETS = [1, 10, 100, 1_000, 5_000, 10_000, 25_000, 50_000];

/** From a lone row to the largest batch that may be configured. */
const BYTE_BUCKETS = [
  1_024, 16_384, 131_072, 524_288, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
];

/** A transaction on a near broker takes 5 ms; the transaction timeout is 30 s. */
const PUBLISH_BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

/** A DuckDB commit takes milliseconds, a load job minutes. */
const COMMIT_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 300];

/** Every metric there is, by name. docs/metrics.md is generated from this table. */
export const METRICS = {
  sluice_rows_captured_total: {
    type: 'counter',
    help: 'Rows published to table topics, by operation (c create, u update, d delete, r read by a snapshot).',
    labels: ['pipeline', 'table', 'op'],
  },
  sluice_transactions_captured_total: {
    type: 'counter',
    help: 'Source transactions published completely.',
    labels: ['pipeline'],
  },
  sluice_bytes_published_total: {
    type: 'counter',
    help: 'Bytes of record batches before compression.',
    labels: ['pipeline'],
  },
  sluice_lag_seconds: {
    type: 'gauge',
    help: 'Age of the newest commit read while the stream has more to read or to publish; zero once everything read is published, and growing while the stream says nothing. Gone when it has ended.',
    labels: ['pipeline'],
  },
  sluice_last_commit_timestamp_seconds: {
    type: 'gauge',
    help: 'Source commit time of the newest published transaction, in seconds since 1970.',
    labels: ['pipeline'],
  },
  sluice_position_age_seconds: {
    type: 'gauge',
    help: 'Age of the newest durable position when it is asked for. It moves even while no captured table changes; growth means the stream stands. Gone when it has ended.',
    labels: ['pipeline'],
  },
  sluice_purge_in_seconds: {
    type: 'gauge',
    help: 'Time left until the oldest binlog that is still needed may be purged. Zero means the next step is a gap. Not set in this version: nothing measures it yet.',
    labels: ['pipeline'],
  },
  sluice_commit_ordinal: {
    type: 'gauge',
    help: 'Commit ordinal of the durable position.',
    labels: ['pipeline'],
  },
  sluice_epoch: {
    type: 'gauge',
    help: 'Epoch of the durable position; it grows with every recovery that starts anew.',
    labels: ['pipeline'],
  },
  sluice_batch_rows: {
    type: 'histogram',
    help: 'Rows in one Kafka transaction; a sample, taken with each progress report.',
    labels: ['pipeline'],
    buckets: ROW_BUCKETS,
  },
  sluice_batch_bytes: {
    type: 'histogram',
    help: 'Bytes in one Kafka transaction before compression; a sample.',
    labels: ['pipeline'],
    buckets: BYTE_BUCKETS,
  },
  sluice_publish_duration_seconds: {
    type: 'histogram',
    help: 'From the first produce request of a Kafka transaction to its acknowledged commit; a sample.',
    labels: ['pipeline'],
    buckets: PUBLISH_BUCKETS,
  },
  sluice_snapshot_rows_total: {
    type: 'counter',
    help: 'Rows read by snapshots.',
    labels: ['pipeline'],
  },
  sluice_snapshot_progress_ratio: {
    type: 'gauge',
    help: 'Part of the running snapshot’s present table that is read, from 0 to 1 by the server’s own estimate; absent when none runs.',
    labels: ['pipeline'],
  },
  sluice_snapshot_tables_left: {
    type: 'gauge',
    help: 'Tables the running snapshots still have to read; zero when none runs.',
    labels: ['pipeline'],
  },
  sluice_tables_stopped: {
    type: 'gauge',
    help: 'Tables of which capture passes nothing on while the others go on; zero when all is well.',
    labels: ['pipeline'],
  },
  sluice_table_stopped: {
    type: 'gauge',
    help: '1 for each of the newest 50 of these tables, with the error code; absent for the others.',
    labels: ['pipeline', 'table', 'code'],
  },
  sluice_sink_rows_total: {
    type: 'counter',
    help: 'Rows committed to the warehouse.',
    labels: ['pipeline', 'sink', 'table'],
  },
  sluice_sink_refused_rows_total: {
    type: 'counter',
    help: 'Rows the warehouse cannot hold, which are in its _cdc_rejects instead.',
    labels: ['pipeline', 'sink'],
  },
  sluice_sink_stopped_tables: {
    type: 'gauge',
    help: 'Tables that have stopped in the warehouse while the others go on; zero when all is well.',
    labels: ['pipeline', 'sink'],
  },
  sluice_sink_table_stopped: {
    type: 'gauge',
    help: '1 for each of the newest 50 tables that have stopped in the warehouse, with the error code; absent for the others.',
    labels: ['pipeline', 'sink', 'table', 'code'],
  },
  sluice_sink_lag_seconds: {
    type: 'gauge',
    help: 'How far the newest complete cut in the warehouse is behind the newest commit in the topics, at most: the time since the sink last looked is added. Gone when the sink has ended.',
    labels: ['pipeline', 'sink'],
  },
  sluice_sink_cut_timestamp_seconds: {
    type: 'gauge',
    help: 'Source commit time of the newest complete cut in the warehouse, in seconds since 1970.',
    labels: ['pipeline', 'sink'],
  },
  sluice_sink_cut_ordinal: {
    type: 'gauge',
    help: 'Commit ordinal up to which the warehouse shows every transaction.',
    labels: ['pipeline', 'sink'],
  },
  sluice_sink_commit_duration_seconds: {
    type: 'histogram',
    help: 'Time one commit to the warehouse took.',
    labels: ['pipeline', 'sink'],
    buckets: COMMIT_BUCKETS,
  },
  sluice_pipeline_state: {
    type: 'gauge',
    help: '1 for the state the pipeline is in, 0 for the others; looked up when it is asked for. Every worker shows every pipeline.',
    labels: ['pipeline', 'state'],
  },
  sluice_sink_state: {
    type: 'gauge',
    help: 'The same for a sink.',
    labels: ['pipeline', 'sink', 'state'],
  },
  sluice_waiting_for_worker_seconds: {
    type: 'gauge',
    help: 'How long the stream, or the sink that part names, has been waiting for a worker that takes it; 0 while one has it. More than a minute: start another worker, or one with more --streams and --sinks. Gone when it is not to run.',
    labels: ['pipeline', 'part'],
  },
  sluice_temporal_reachable: {
    type: 'gauge',
    help: '1 when Temporal told the states for this scrape; 0 when they are of an earlier one.',
    labels: [],
  },
  sluice_event_loop_delay_seconds: {
    type: 'gauge',
    help: 'How late the main thread, which sends the heartbeats, runs its timers: the 99th percentile of the last 10 seconds.',
    labels: [],
  },
  sluice_restarts_total: {
    type: 'counter',
    help: 'Starts of an activity on this worker: part is stream or the name of a sink.',
    labels: ['pipeline', 'part'],
  },
  sluice_failures_total: {
    type: 'counter',
    help: 'Failures of activities on this worker by error code (docs/errors.md).',
    labels: ['pipeline', 'code'],
  },
  sluice_failing_seconds: {
    type: 'gauge',
    help: 'How long the stream (part "stream") or a sink (part is its name) has been failing again and again on this worker; zero while it works. An incident is opened after failures.incidentAfterMs. What waits for an answer is not tried: see sluice_pipeline_state and sluice_sink_state.',
    labels: ['pipeline', 'part'],
  },
  sluice_transactions_sent_again_total: {
    type: 'counter',
    help: 'Kafka transactions that were aborted and sent again because a leader, the coordinator or a connection was lost; the stream went on.',
    labels: ['pipeline'],
  },
  sluice_bugs_total: {
    type: 'counter',
    help: 'Errors without a code that reached the top: each is a defect to report.',
    labels: ['pipeline'],
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;

/** Names of the metrics of one type, so that an observation on a counter does not compile. */
export type MetricOf<Type extends MetricDefinition['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[MetricName];

export type LabelsOf<Name extends MetricName> = Readonly<
  Record<(typeof METRICS)[Name]['labels'][number], string>
>;
