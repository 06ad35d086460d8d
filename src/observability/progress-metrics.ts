import type { DurablePosition } from '../control/messages.ts';
import type { StoppedTables, TableStop } from '../control/stopped-tables.ts';
import type { Meter } from './meter.ts';
import type { LabelsOf } from './metrics.ts';
import type { OperationCounts, PipelineProgress, Progress, SinkProgress } from './progress.ts';

const NO_ROWS: OperationCounts = { c: 0, u: 0, d: 0, r: 0 };
const NONE_STOPPED: StoppedTables = { count: 0, tables: [] };
const MAX_STOPPED_SERIES = 50;
const OPERATIONS = ['c', 'u', 'd', 'r'] as const;

/** Those of a stream and of a sink that tell of the present, and so of nothing once it has ended. */
const STREAM_GAUGES = [
  'sluice_lag_seconds',
  'sluice_position_age_seconds',
  'sluice_purge_in_seconds',
  'sluice_snapshot_progress_ratio',
  'sluice_snapshot_tables_left',
  'sluice_tables_stopped',
] as const;
const SINK_GAUGES = ['sluice_sink_lag_seconds', 'sluice_sink_stopped_tables'] as const;

/**
 * Turns the cumulative progress of activities into metrics. An activity that starts again counts
 * from zero; the metrics go on.
 */
export class ProgressMetrics {
  readonly #meter: Meter;
  readonly #nowMs: () => number;
  readonly #last = new Map<string, { readonly progress: Progress; readonly atMs: number }>();
  /** Labels of the series that are 1 because a table has stopped, by pipeline or sink. */
  readonly #stopped = new Map<string, readonly object[]>();

  constructor(meter: Meter, nowMs: () => number) {
    this.#meter = meter;
    this.#nowMs = nowMs;
  }

  /**
   * Call when an activity starts, before its first progress, and dispose when it has ended here: what
   * is said of the present then is gone, for it may run elsewhere. `part` is `stream` or a sink's name.
   */
  started(pipeline: string, part: string): Disposable {
    this.#last.delete(`${pipeline}/${part}`);
    this.#meter.count('sluice_restarts_total', { pipeline, part });
    return { [Symbol.dispose]: () => this.#ended(pipeline, part) };
  }

  #ended(pipeline: string, part: string): void {
    const key = `${pipeline}/${part}`;
    this.#last.delete(key);
    if (part === 'stream') {
      for (const name of STREAM_GAUGES) this.#meter.remove(name, { pipeline });
      this.#series(pipeline, 'sluice_table_stopped', { pipeline }, []);
    } else {
      const labels = { pipeline, sink: part };
      for (const name of SINK_GAUGES) this.#meter.remove(name, labels);
      this.#series(key, 'sluice_sink_table_stopped', labels, []);
    }
  }

  /** Sets what grows while nothing is reported: call before the metrics are read. */
  refresh(): void {
    for (const { progress, atMs } of this.#last.values()) {
      const { pipeline, lagMs } = progress;
      const lagS = (lagMs + Math.max(0, this.#nowMs() - atMs)) / 1_000;
      if (progress.kind === 'sink')
        this.#meter.set('sluice_sink_lag_seconds', { pipeline, sink: progress.sink }, lagS);
      else {
        this.#meter.set('sluice_lag_seconds', { pipeline }, lagS);
        if (progress.checkpoint) this.#positionAge(pipeline, progress.checkpoint);
      }
    }
  }

  record(progress: Progress): void {
    const part = progress.kind === 'pipeline' ? 'stream' : progress.sink;
    const key = `${progress.pipeline}/${part}`;
    const last = this.#last.get(key)?.progress;
    this.#last.set(key, { progress, atMs: this.#nowMs() });
    if (progress.kind === 'pipeline')
      this.#pipeline(progress, last?.kind === 'pipeline' ? last : undefined);
    else this.#sink(progress, last?.kind === 'sink' ? last : undefined);
  }

  #pipeline(now: PipelineProgress, last: PipelineProgress | undefined): void {
    const { pipeline } = now;
    for (const [table, counts] of Object.entries(now.tables))
      this.#rows(pipeline, table, counts, last?.tables[table]);
    this.#meter.count(
      'sluice_transactions_captured_total',
      { pipeline },
      growth(now.transactions, last?.transactions),
    );
    this.#meter.count(
      'sluice_bytes_published_total',
      { pipeline },
      growth(now.bytesPublished, last?.bytesPublished),
    );
    if (now.lastCommitUs !== undefined)
      this.#meter.set(
        'sluice_last_commit_timestamp_seconds',
        { pipeline },
        now.lastCommitUs / 1_000_000,
      );
    if (now.purgeInMs === undefined) this.#meter.remove('sluice_purge_in_seconds', { pipeline });
    else this.#meter.set('sluice_purge_in_seconds', { pipeline }, now.purgeInMs / 1_000);
    if (now.checkpoint) this.#checkpoint(pipeline, now.checkpoint);
    if (now.lastBatch && now.batches !== last?.batches) this.#batch(pipeline, now.lastBatch);
    this.#snapshot(now);
    const { count, tables } = now.stopped ?? NONE_STOPPED;
    this.#meter.set('sluice_tables_stopped', { pipeline }, count);
    this.#series(pipeline, 'sluice_table_stopped', { pipeline }, tables);
  }

  /** One series for each of the newest stopped tables, and none for those that have returned. */
  #series<Name extends 'sluice_table_stopped' | 'sluice_sink_table_stopped'>(
    part: string,
    name: Name,
    labels: Omit<LabelsOf<Name>, 'table' | 'code'>,
    tables: readonly TableStop[],
  ): void {
    const shown = this.#stopped.get(part) ?? [];
    const now = tables
      .slice(-MAX_STOPPED_SERIES)
      .map(({ table, code }) => ({ ...labels, table, code }) as unknown as LabelsOf<Name>);
    for (const series of shown) this.#meter.remove(name, series as LabelsOf<Name>);
    for (const series of now) this.#meter.set(name, series, 1);
    this.#stopped.set(part, now);
  }

  #batch(
    pipeline: string,
    { rows, bytes, publishMs }: NonNullable<PipelineProgress['lastBatch']>,
  ): void {
    this.#meter.observe('sluice_batch_rows', { pipeline }, rows);
    this.#meter.observe('sluice_batch_bytes', { pipeline }, bytes);
    this.#meter.observe('sluice_publish_duration_seconds', { pipeline }, publishMs / 1_000);
  }

  #rows(
    pipeline: string,
    table: string,
    now: OperationCounts,
    last: OperationCounts = NO_ROWS,
  ): void {
    for (const op of OPERATIONS) {
      const rows = growth(now[op], last[op]);
      if (rows === 0) continue;
      this.#meter.count('sluice_rows_captured_total', { pipeline, table, op }, rows);
      if (op === 'r') this.#meter.count('sluice_snapshot_rows_total', { pipeline }, rows);
    }
  }

  #positionAge(pipeline: string, { writtenAtMs }: DurablePosition): void {
    const ageMs = Math.max(0, this.#nowMs() - writtenAtMs);
    this.#meter.set('sluice_position_age_seconds', { pipeline }, ageMs / 1_000);
  }

  #checkpoint(pipeline: string, checkpoint: DurablePosition): void {
    this.#meter.set('sluice_commit_ordinal', { pipeline }, checkpoint.commitOrdinal);
    this.#meter.set('sluice_epoch', { pipeline }, checkpoint.epoch);
  }

  #snapshot({ pipeline, snapshot }: PipelineProgress): void {
    this.#meter.set(
      'sluice_snapshot_tables_left',
      { pipeline },
      snapshot ? snapshot.tablesTotal - snapshot.tablesDone : 0,
    );
    if (snapshot === undefined || snapshot.estimatedRows === 0)
      this.#meter.remove('sluice_snapshot_progress_ratio', { pipeline });
    else
      this.#meter.set(
        'sluice_snapshot_progress_ratio',
        { pipeline },
        Math.min(1, snapshot.rows / snapshot.estimatedRows),
      );
  }

  #sink(now: SinkProgress, last: SinkProgress | undefined): void {
    const { pipeline, sink } = now;
    for (const [table, rows] of Object.entries(now.tables))
      this.#meter.count(
        'sluice_sink_rows_total',
        { pipeline, sink, table },
        growth(rows, last?.tables[table]),
      );
    if (now.lastCommit && now.cutOrdinal !== last?.cutOrdinal)
      this.#meter.observe(
        'sluice_sink_commit_duration_seconds',
        { pipeline, sink },
        now.lastCommit.durationMs / 1_000,
      );
    if (now.refusedRows !== undefined)
      this.#meter.count(
        'sluice_sink_refused_rows_total',
        { pipeline, sink },
        growth(now.refusedRows, last?.refusedRows),
      );
    const { count, tables } = now.stopped ?? NONE_STOPPED;
    this.#meter.set('sluice_sink_stopped_tables', { pipeline, sink }, count);
    const part = `${pipeline}/${sink}`;
    this.#series(part, 'sluice_sink_table_stopped', { pipeline, sink }, tables);
    if (now.cutCommittedAtUs !== undefined)
      this.#meter.set(
        'sluice_sink_cut_timestamp_seconds',
        { pipeline, sink },
        now.cutCommittedAtUs / 1_000_000,
      );
    this.#meter.set('sluice_sink_cut_ordinal', { pipeline, sink }, now.cutOrdinal);
  }
}

/** What a cumulative count grew by; a smaller one than before has started anew. */
function growth(now: number, last = 0): number {
  return now >= last ? now - last : now;
}
