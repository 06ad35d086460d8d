import type { CaptureProgress } from '../capture/progress.ts';
import type { PipelineProgress } from '../observability/progress.ts';

/** How long rates look back. */
const RATE_WINDOW_MS = 3_000;

/**
 * Adds to a capture's own counts what only time tells: rates over the last seconds, the expected end
 * of the snapshot, and the lag.
 *
 * The lag is asked of the clock, not of the last event: while the stream is not caught up it grows,
 * and once everything is published it is zero, however long ago the last change was.
 */
export class ProgressMeter {
  readonly #pipeline: string;
  #samples: { readonly atMs: number; readonly rows: number; readonly snapshotRows: number }[] = [];
  /** Counts of attempts before this one: metrics must not go back when an attempt is repeated. */
  #base = { transactions: 0, bytes: 0, batches: 0 };
  #baseTables: Record<string, { c: number; u: number; d: number; r: number }> = {};
  #latest: CaptureProgress | undefined;

  constructor(pipeline: string) {
    this.#pipeline = pipeline;
  }

  /** A new attempt counts from zero again. */
  attemptEnded(): void {
    const latest = this.#latest;
    if (!latest) return;
    this.#base.transactions += latest.transactions;
    this.#base.bytes += latest.bytes;
    this.#base.batches += latest.batches;
    this.#baseTables = this.#tables(latest);
    this.#latest = undefined;
    this.#samples = [];
  }

  measure(progress: CaptureProgress, nowMs: number): PipelineProgress {
    this.#latest = progress;
    const snapshotRows = progress.snapshot?.totalRows ?? 0;
    this.#samples.push({ atMs: nowMs, rows: progress.rows, snapshotRows });
    while (this.#samples.length > 2 && nowMs - (this.#samples[0]?.atMs ?? 0) > RATE_WINDOW_MS)
      this.#samples.shift();
    const { checkpoint, snapshot } = progress;
    const snapshotRate = this.#rate((sample) => sample.snapshotRows);
    const left = snapshot ? snapshot.totalEstimatedRows - snapshot.totalRows : 0;
    return {
      kind: 'pipeline',
      pipeline: this.#pipeline,
      tables: this.#tables(progress),
      transactions: this.#base.transactions + progress.transactions,
      bytesPublished: this.#base.bytes + progress.bytes,
      batches: this.#base.batches + progress.batches,
      lagMs:
        progress.caughtUp || progress.newestEventAtUs === 0
          ? 0
          : Math.max(0, nowMs - Math.floor(progress.newestEventAtUs / 1000)),
      rowsPerSecond: this.#rate((sample) => sample.rows),
      ...(checkpoint
        ? {
            checkpoint: {
              gtidSet: checkpoint.gtidSet,
              file: checkpoint.file,
              pos: checkpoint.pos,
              epoch: checkpoint.epoch,
              commitOrdinal: checkpoint.commitOrdinal,
              writtenAtMs: checkpoint.writtenAtMs,
            },
            lastCommitUs: checkpoint.committedAtUs,
          }
        : {}),
      ...(progress.lastBatch
        ? {
            lastBatch: {
              rows: progress.lastBatch.records,
              bytes: progress.lastBatch.bytes,
              publishMs: progress.lastBatch.publishMs,
            },
          }
        : {}),
      ...(progress.stoppedCount > 0
        ? { stopped: { count: progress.stoppedCount, tables: progress.stopped } }
        : {}),
      ...(snapshot
        ? {
            snapshot: {
              table: snapshot.table,
              rows: snapshot.rows,
              estimatedRows: snapshot.estimatedRows,
              rowsPerSecond: snapshotRate,
              ...(snapshotRate > 0 ? { etaSeconds: Math.ceil(left / snapshotRate) } : {}),
              tablesDone: snapshot.tablesDone,
              tablesTotal: snapshot.tablesTotal,
            },
          }
        : {}),
    };
  }

  #rate(
    count: (sample: { readonly rows: number; readonly snapshotRows: number }) => number,
  ): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.atMs <= first.atMs) return 0;
    return Math.max(
      0,
      Math.round(((count(last) - count(first)) * 1000) / (last.atMs - first.atMs)),
    );
  }

  #tables(
    progress: CaptureProgress,
  ): Record<string, { c: number; u: number; d: number; r: number }> {
    const sum: Record<string, { c: number; u: number; d: number; r: number }> = {
      ...this.#baseTables,
    };
    for (const [table, { c, u, d, r }] of Object.entries(progress.rowsByTable)) {
      const base = this.#baseTables[table] ?? { c: 0, u: 0, d: 0, r: 0 };
      sum[table] = { c: base.c + c, u: base.u + u, d: base.d + d, r: base.r + r };
    }
    return sum;
  }
}
