import { describe, expect, it } from 'vitest';
import { FailingNotice, type KnownFailures } from '../../src/activities/failing-notice.ts';
import type { FailingNotice as Told } from '../../src/control/failing.ts';
import type { PipelineProgress, SinkProgress } from '../../src/observability/progress.ts';

const SETTINGS = { incidentAfterMs: 300_000, incidentAfterCount: 10 };
const LOST = { code: 'kafka.unreachable', message: 'No broker answers.' };
const FULL = { code: 'duckdb.out-of-memory', message: 'No memory.' };

const at = (cutOrdinal: number): SinkProgress => ({
  kind: 'sink',
  pipeline: 'shop',
  sink: 'warehouse',
  rows: 0,
  cutOrdinal,
  lagMs: 0,
  tables: {},
});

/** A stream that has got on, beside a copy that has not. */
const copying = (pos: number): PipelineProgress => ({
  kind: 'pipeline',
  pipeline: 'shop',
  tables: {},
  transactions: pos,
  bytesPublished: 0,
  batches: pos,
  lagMs: 0,
  rowsPerSecond: 0,
  checkpoint: {
    gtidSet: '',
    file: 'binlog.000004',
    pos,
    epoch: 1,
    commitOrdinal: pos,
    writtenAtMs: 0,
  },
  snapshot: {
    table: 'shop.orders',
    rows: 500,
    estimatedRows: 1_000,
    rowsPerSecond: 0,
    tablesDone: 0,
    tablesTotal: 1,
  },
});

/** Work whose attempts fail and report as a test says, on a clock that it moves. */
class Work {
  readonly told: Told[] = [];
  nowS = 0;
  notice: FailingNotice;

  constructor(known: KnownFailures = { streak: undefined, isTold: false }) {
    this.notice = this.#begin(known);
  }

  /** Another attempt of the activity, perhaps elsewhere: it knows what the heartbeat says. */
  taken(): void {
    const { streak } = this.notice;
    this.notice = this.#begin({ streak, isTold: false });
  }

  fails(failure = LOST, afterS = 30): void {
    this.nowS += afterS;
    this.notice.failed(failure);
  }

  reports(cutOrdinal: number, forS = 0, lagMs = 0): void {
    for (let second = 0; second <= forS; second += 1) {
      this.notice.progressed({ ...at(cutOrdinal), lagMs });
      if (second < forS) this.nowS += 1;
    }
  }

  #begin(known: KnownFailures): FailingNotice {
    return new FailingNotice(
      (notice) => this.told.push(notice),
      SETTINGS,
      known,
      () => this.nowS * 1_000,
    );
  }
}

const times = (count: number, act: () => void): void => {
  for (let time = 0; time < count; time += 1) act();
};

describe('a notice of work that fails and is tried again', () => {
  it('is given once when the work has stood at one place for five minutes', () => {
    const work = new Work();
    work.reports(7);
    times(6, () => work.fails(LOST, 60));
    expect(work.told).toMatchObject([
      { kind: 'failing', code: 'kafka.unreachable', place: 'cut 7', failures: 6 },
    ]);
    times(20, () => work.fails());
    expect(work.told).toHaveLength(1);
  });

  it('is given again for another cause, after a while', () => {
    const work = new Work();
    times(6, () => work.fails(LOST, 60));
    work.fails(FULL, 60);
    expect(work.told).toHaveLength(1);
    times(5, () => work.fails(FULL, 60));
    expect(work.told).toMatchObject([{ code: LOST.code }, { code: FULL.code }]);
  });

  it('is not given of work that gets on between its failures', () => {
    const work = new Work();
    for (let cut = 1; cut <= 9; cut += 1) {
      work.reports(cut);
      work.fails(LOST, 60);
    }
    expect(work.told).toEqual([]);
  });

  it('counts on in the next attempt of the activity', () => {
    const work = new Work();
    times(9, () => {
      work.fails();
      work.taken();
    });
    expect(work.told).toEqual([]);
    work.fails();
    expect(work.told).toMatchObject([{ kind: 'failing', failures: 10 }]);
  });

  it('is taken back when the work has reported for a minute without a failure', () => {
    const work = new Work();
    times(12, () => work.fails());
    work.reports(1, 59);
    expect(work.told).toHaveLength(1);
    work.reports(1, 1);
    expect(work.told.at(-1)).toEqual({ kind: 'working' });
    expect(work.notice.streak).toBeUndefined();
    work.reports(2, 120);
    expect(work.told).toHaveLength(2);
  });

  it('is given of work that stands at one place, however long its attempts live', () => {
    const work = new Work();
    times(4, () => {
      work.reports(7, 118, 40);
      work.fails(LOST, 2);
    });
    expect(work.told).toMatchObject([{ kind: 'failing', place: 'cut 7', failures: 4 }]);
    work.reports(7, 70, 0);
    expect(work.told.at(-1)).toEqual({ kind: 'working' });
  });

  it('is given of a copy that stands while the stream goes on', () => {
    const work = new Work();
    for (let attempt = 1; attempt <= 6; attempt += 1) {
      work.notice.progressed(copying(attempt));
      work.fails(LOST, 61);
    }
    expect(work.told).toMatchObject([{ kind: 'failing', place: 'row 500 of shop.orders' }]);
  });

  it('is not taken back by an attempt that falls silent before it fails', () => {
    const work = new Work();
    times(12, () => work.fails());
    times(3, () => {
      work.reports(1, 5);
      work.fails(LOST, 70);
    });
    expect(work.told).toHaveLength(1);
  });

  it('is taken back by work that was begun anew, when its workflow has it on record', () => {
    const work = new Work({ streak: undefined, isTold: true });
    work.reports(1, 60);
    expect(work.told).toEqual([{ kind: 'working' }]);
  });
});
