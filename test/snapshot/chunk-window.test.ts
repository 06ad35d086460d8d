import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableSchema } from '../../src/change/table.ts';
import type { ChunkRows } from '../../src/snapshot/chunk-reader.ts';
import { ChunkWindow } from '../../src/snapshot/chunk-window.ts';
import { chunkRows, rowTexts } from '../support/chunk-rows.ts';

const INT = { kind: 'integer', bytes: 4, unsigned: false } as const;

const VERSIONS: TableSchema = {
  id: { database: 'shop', table: 'versions' },
  columns: [
    { name: 'id', type: INT, nullable: false },
    { name: 'version', type: INT, nullable: true },
  ],
  key: [0],
};

const keyText = (key: number): string => `{"id":${key}}`;

function valuesOf(rows: ChunkRows): readonly Row[] {
  return rowTexts(rows).map(({ row }) => {
    const { id, version } = JSON.parse(row);
    return [id, version];
  });
}

describe('the window of a chunk', () => {
  it('lets every row pass that the stream did not show', () => {
    const window = new ChunkWindow();
    window.touch(keyText(2));
    window.touch(keyText(9));
    const rows = chunkRows(VERSIONS, [
      [1, 10],
      [2, 20],
      [3, 30],
    ]);
    expect(valuesOf(window.surviving(rows))).toEqual([
      [1, 10],
      [3, 30],
    ]);
  });

  it('hands the rows on as they are when the stream has shown none', () => {
    const rows = chunkRows(VERSIONS, [[1, 10]]);
    expect(new ChunkWindow().surviving(rows)).toBe(rows);
  });

  it.each([
    [{ file: 'binlog.000007', pos: 100 }, { file: 'binlog.000007', pos: 99 }, false],
    [{ file: 'binlog.000007', pos: 100 }, { file: 'binlog.000007', pos: 100 }, true],
    [{ file: 'binlog.000007', pos: 100 }, { file: 'binlog.000008', pos: 4 }, true],
    [{ file: 'binlog.000010', pos: 4 }, { file: 'binlog.000009', pos: 500 }, false],
    [{ file: 'binlog.999999', pos: 4 }, { file: 'binlog.1000000', pos: 4 }, true],
    [{ file: 'binlog.1000000', pos: 4 }, { file: 'binlog.999999', pos: 4 }, false],
    [
      { file: 'mysql-bin-changelog.000002', pos: 5_000_000_000 },
      { file: 'mysql-bin-changelog.000002', pos: 5_000_000_001 },
      true,
    ],
  ])('with its end at %o is passed by a stream at %o: %s', (high, stream, passed) => {
    const window = new ChunkWindow();
    window.settle(high);
    expect(window.ready(stream)).toBe(passed);
  });

  it('is not passed before its chunk has been read', () => {
    expect(new ChunkWindow().ready({ file: 'binlog.999999', pos: 1 })).toBe(false);
  });

  it('stays invalid once the table has changed under it', () => {
    const window = new ChunkWindow();
    expect(window.invalid).toBe(false);
    window.invalidate();
    window.settle({ file: 'binlog.000001', pos: 4 });
    expect(window.invalid).toBe(true);
  });
});

/** What keeps a snapshot right; the model runs without one of them to show that it would notice. */
interface Safeguards {
  readonly barrier: boolean;
  readonly dedupe: boolean;
  readonly waitForHigh: boolean;
}

const ALL: Safeguards = { barrier: true, dedupe: true, waitForHigh: true };
const KEYS = 6;

type Row = readonly [key: number, version: number];

type Step =
  | { readonly kind: 'commit'; readonly key: number; readonly deletes: boolean }
  | { readonly kind: 'show' }
  | { readonly kind: 'stream' }
  | { readonly kind: 'open' }
  | { readonly kind: 'select' }
  | { readonly kind: 'high' }
  | { readonly kind: 'emit' };

interface Transaction {
  readonly key: number;
  /** Number of the transaction; undefined for a delete. */
  readonly version: number | undefined;
}

interface Flight {
  readonly window: ChunkWindow;
  /** Everything taken off the stream when the window opened. */
  readonly barrier: number;
  rows: readonly Row[] | undefined;
  complete: boolean;
  settled: boolean;
}

/**
 * A server whose log runs ahead of what SELECT sees (group commit: the log is synced, and sent, before
 * the engine commits), one stream and one snapshot in chunks of two rows.
 */
class Model {
  readonly #safeguards: Safeguards;
  readonly #log: Transaction[] = [];
  readonly #topic = new Map<number, number>();
  /** Last thing the stream said of a key, as a transaction number. */
  readonly #streamed = new Map<number, number>();
  #visible = 0;
  #read = 0;
  #cursor = -1;
  #done = false;
  #flight: Flight | undefined;

  constructor(safeguards: Safeguards) {
    this.#safeguards = safeguards;
    for (let key = 0; key < KEYS; key += 2) this.#commit(key, false);
    this.#visible = this.#log.length;
    this.#read = this.#log.length;
  }

  step(step: Step): void {
    switch (step.kind) {
      case 'commit':
        this.#commit(step.key, step.deletes);
        break;
      case 'show':
        this.#visible = Math.min(this.#visible + 1, this.#log.length);
        break;
      case 'stream':
        this.#stream();
        break;
      case 'open':
        if (this.#flight || this.#done) break;
        this.#flight = {
          window: new ChunkWindow(),
          barrier: this.#read,
          rows: undefined,
          complete: false,
          settled: false,
        };
        break;
      case 'select':
        this.#select();
        break;
      case 'high':
        if (this.#flight?.rows && !this.#flight.settled) {
          this.#flight.settled = true;
          this.#flight.window.settle(positionOf(this.#log.length));
        }
        break;
      case 'emit':
        this.#emit();
        break;
    }
  }

  /** Runs until nothing is left to do. */
  finish(): void {
    while (!this.#done || this.#read < this.#log.length)
      for (const kind of ['show', 'stream', 'open', 'select', 'high', 'emit'] as const)
        this.step({ kind });
  }

  /** Folds of the topic and of the source. */
  outcome(): { readonly topic: readonly Row[]; readonly source: readonly Row[] } {
    const sorted = (rows: Iterable<Row>): readonly Row[] => [...rows].sort(([a], [b]) => a - b);
    return { topic: sorted(this.#topic), source: sorted(this.#stateAt(this.#log.length)) };
  }

  #commit(key: number, deletes: boolean): void {
    this.#log.push({ key, version: deletes ? undefined : this.#log.length });
  }

  #stateAt(count: number): Map<number, number> {
    const state = new Map<number, number>();
    for (const { key, version } of this.#log.slice(0, count))
      if (version === undefined) state.delete(key);
      else state.set(key, version);
    return state;
  }

  #stream(): void {
    const transaction = this.#log[this.#read];
    if (!transaction) return;
    const { key, version } = transaction;
    if (version === undefined) this.#topic.delete(key);
    else this.#topic.set(key, version);
    this.#streamed.set(key, this.#read);
    this.#read += 1;
    if (this.#safeguards.dedupe) this.#flight?.window.touch(keyText(key));
  }

  #select(): void {
    const flight = this.#flight;
    if (!flight || flight.rows) return;
    // WAIT_FOR_EXECUTED_GTID_SET returns once everything in the set is visible.
    this.#visible = Math.max(this.#visible, this.#safeguards.barrier ? flight.barrier : 0);
    const left = [...this.#stateAt(this.#visible)]
      .filter(([key]) => key > this.#cursor)
      .sort(([a], [b]) => a - b);
    flight.rows = left.slice(0, 2);
    flight.complete = left.length <= 2;
  }

  #emit(): void {
    const flight = this.#flight;
    if (!flight?.rows || !flight.settled) return;
    if (this.#safeguards.waitForHigh && !flight.window.ready(positionOf(this.#read))) return;
    const rows = chunkRows(VERSIONS, flight.rows);
    for (const [key, version] of valuesOf(flight.window.surviving(rows))) {
      const streamed = this.#streamed.get(key);
      if (streamed !== undefined && streamed > version)
        throw new Error(
          `row ${key} of transaction ${version} overwrites what the stream said in ${streamed}`,
        );
      this.#topic.set(key, version);
    }
    this.#cursor = flight.rows.at(-1)?.[0] ?? this.#cursor;
    this.#done = flight.complete;
    this.#flight = undefined;
  }
}

/** Files of five transactions, with the number growing out of its padding on the way. */
function positionOf(transactions: number): { readonly file: string; readonly pos: number } {
  return { file: `binlog.${999_998 + Math.floor(transactions / 5)}`, pos: 4 + (transactions % 5) };
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('commit' as const),
        key: fc.nat({ max: KEYS - 1 }),
        deletes: fc.boolean(),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constantFrom(
          'show' as const,
          'stream' as const,
          'open' as const,
          'select' as const,
          'high' as const,
          'emit' as const,
        ),
      }),
    },
  ),
  { maxLength: 60 },
);

function property(safeguards: Safeguards): fc.IProperty<[readonly Step[]]> {
  return fc.property(steps, (all) => {
    const model = new Model(safeguards);
    for (const step of all) model.step(step);
    model.finish();
    const { topic, source } = model.outcome();
    expect(topic).toEqual(source);
  });
}

describe('a snapshot beside the stream of a server whose log runs ahead of SELECT', () => {
  it('ends with the rows of the source, and no row is overwritten by an older one', () => {
    fc.assert(property(ALL), { numRuns: 3000 });
  });

  it.each([
    ['the barrier', { ...ALL, barrier: false }],
    ['dropping the keys the stream has shown', { ...ALL, dedupe: false }],
    [
      'waiting for the end of the log as read after the SELECT',
      { ...ALL, waitForHigh: false, dedupe: false },
    ],
  ])('goes wrong without %s', (_, safeguards) => {
    expect(fc.check(property(safeguards), { numRuns: 3000 }).failed).toBe(true);
  });
});
