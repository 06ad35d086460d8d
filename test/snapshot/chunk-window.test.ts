import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Gtid, GtidSetText } from '../../src/change/gtid.ts';
import { formatGtidSet, GtidSet, parseGtidSet } from '../../src/change/gtid-set.ts';
import type { TableSchema } from '../../src/change/table.ts';
import type { ChunkRows } from '../../src/snapshot/chunk-reader.ts';
import { ChunkWindow, type StreamedLog } from '../../src/snapshot/chunk-window.ts';
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

const [A, B, C] = [1, 2, 3].map((digit) => `00000000-0000-0000-0000-00000000000${digit}`);

const NO_ROWS = chunkRows(VERSIONS, []);

function settled(executed: string, purged = ''): Parameters<ChunkWindow['settle']>[0] {
  return { rows: NO_ROWS, high: executed as GtidSetText, purged: purged as GtidSetText };
}

/** A stream that has read a set of transactions, and counts how often the set was looked at. */
class Stream implements StreamedLog {
  readonly #read: GtidSet;
  commitOrdinal = 0;
  compared = 0;

  constructor(set: string) {
    this.#read = parseGtidSet(set);
  }

  read(gtid: string): void {
    this.#read.add(gtid as Gtid);
    this.commitOrdinal += 1;
  }

  hasRead(gtid: Gtid): boolean {
    return this.#read.contains(gtid);
  }

  unread(set: GtidSet): GtidSet {
    this.compared += 1;
    return set.subtract(this.#read);
  }
}

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

  it('is ready once the stream has read every transaction that the server had executed', () => {
    const window = new ChunkWindow();
    const stream = new Stream(`${A}:1-4,${B}:1-9`);
    window.settle(settled(`${A}:1-6,${B}:1-9,${C}:5`));
    for (const gtid of [`${A}:5`, `${A}:6`, `${B}:10`]) {
      expect(window.ready(stream, 0)).toBe(false);
      stream.read(gtid);
    }
    expect(window.ready(stream, 0)).toBe(false);
    stream.read(`${C}:5`);
    expect(window.ready(stream, 0)).toBe(true);
  });

  it('does not wait for what the stream had read before', () => {
    const window = new ChunkWindow();
    window.settle(settled(`${A}:1-6`));
    expect(window.ready(new Stream(`${A}:1-6`), 0)).toBe(true);
  });

  it('looks for one transaction of many until that has come', () => {
    const window = new ChunkWindow();
    const stream = new Stream('');
    window.settle(settled(`${A}:1-1000`));
    for (let number = 1; number < 1000; number += 1) {
      window.ready(stream, 0);
      stream.read(`${A}:${number}`);
    }
    expect(stream.compared).toBe(1);
    stream.read(`${A}:1000`);
    expect(window.ready(stream, 0)).toBe(true);
    expect(stream.compared).toBe(2);
  });

  it('is not ready before its chunk has been read', () => {
    const window = new ChunkWindow();
    expect(window.ready(new Stream(`${A}:1-6`), 0)).toBe(false);
    expect(window.overdue(0)).toBeUndefined();
  });

  it('stays invalid once the table has changed under it', () => {
    const window = new ChunkWindow();
    expect(window.invalid).toBe(false);
    window.invalidate();
    window.settle(settled(`${A}:1`));
    expect(window.invalid).toBe(true);
    expect(window.overflowed).toBe(false);
  });
});

describe('a window that waits for what does not come', () => {
  const SECOND = 1_000;

  /** Looks once a second. */
  function looked(
    stream: Stream,
    window: ChunkWindow,
    seconds: number,
    eachSecond: (second: number) => void = () => undefined,
  ): string | undefined {
    for (let second = 0; second <= seconds; second += 1) {
      eachSecond(second);
      window.ready(stream, second * SECOND);
    }
    return window.overdue(60 * SECOND);
  }

  it('is overdue when the stream has stood still before it for so long', () => {
    const window = new ChunkWindow();
    window.settle(settled(`${A}:1-6`));
    const stream = new Stream(`${A}:1-4`);
    expect(looked(stream, window, 60)).toBeUndefined();
    expect(looked(stream, window, 61)).toBe(`${A}:5-6`);
  });

  it('is not overdue as long as the log goes on', () => {
    const window = new ChunkWindow();
    window.settle(settled(`${A}:1-600`));
    const stream = new Stream(`${A}:1-4`);
    expect(
      looked(stream, window, 500, (second) => {
        if (second % 50 === 0) stream.read(`${A}:${5 + second / 50}`);
      }),
    ).toBeUndefined();
  });

  it('is overdue although the log goes on when no file of it has what is missing', () => {
    const window = new ChunkWindow();
    window.settle(settled(`${A}:1-6,${B}:1-3`, `${A}:1-2,${B}:1-3`));
    const stream = new Stream(`${A}:1-4,${B}:1-2`);
    const goesOn = (second: number): void => {
      stream.read(`${A}:${5 + second}`);
    };
    expect(looked(stream, window, 62, goesOn)).toBe(`${B}:3`);
  });

  it('is ready when what was purged comes after all, out of a buffer', () => {
    const window = new ChunkWindow();
    window.settle(settled(`${A}:1-6`, `${A}:1-6`));
    const stream = new Stream(`${A}:1-4`);
    expect(looked(stream, window, 30)).toBeUndefined();
    stream.read(`${A}:5`);
    stream.read(`${A}:6`);
    expect(window.ready(stream, 31 * SECOND)).toBe(true);
  });

  it('does not count the time in which nobody looked', () => {
    const window = new ChunkWindow();
    window.settle(settled(`${A}:1-6`));
    const stream = new Stream(`${A}:1-4`);
    window.ready(stream, 0);
    window.ready(stream, 3600 * SECOND);
    expect(window.overdue(60 * SECOND)).toBeUndefined();
  });
});

describe('a window before which many keys change', () => {
  const ROWS: readonly Row[] = [
    [1, 10],
    [2, 20],
    [3, 30],
  ];
  const room = (keys: number): number => keys * (64 + keyText(0).length);

  it('is given up when they come before its chunk has been read', () => {
    const window = new ChunkWindow(room(2));
    for (const key of [1, 2, 2, 1]) window.touch(keyText(key));
    expect(window.invalid).toBe(false);
    window.touch(keyText(3));
    expect(window.invalid).toBe(true);
    expect(window.overflowed).toBe(true);
  });

  it('keeps the keys of its own rows, however many others there are', () => {
    const window = new ChunkWindow(room(2));
    const rows = chunkRows(VERSIONS, ROWS);
    window.touch(keyText(1));
    window.settle({ ...settled(`${A}:1`), rows });
    for (const key of [7, 8, 9, 3, 7, 6, 5]) window.touch(keyText(key));
    expect(window.invalid).toBe(false);
    expect(valuesOf(window.surviving(rows))).toEqual([[2, 20]]);
  });

  it('lets the same rows pass whatever it keeps', () => {
    const keys = fc.array(fc.nat({ max: 9 }), { maxLength: 30 });
    fc.assert(
      fc.property(keys, keys, fc.integer({ min: 1, max: 8 }), (before, after, kept) => {
        const all = ROWS.filter(([key]) => ![...before, ...after].includes(key));
        const window = new ChunkWindow(room(kept));
        const rows = chunkRows(VERSIONS, ROWS);
        for (const key of before) window.touch(keyText(key));
        expect(window.overflowed).toBe(new Set(before).size > kept);
        if (window.overflowed) return;
        window.settle({ ...settled(`${A}:1`), rows });
        for (const key of after) window.touch(keyText(key));
        expect(window.invalid).toBe(false);
        expect(valuesOf(window.surviving(rows))).toEqual(all);
      }),
    );
  });
});

/** What keeps a snapshot right; the model runs without one of them to show that it would notice. */
interface Safeguards {
  readonly barrier: boolean;
  readonly dedupe: boolean;
  readonly waitForHigh: boolean;
  /** Keys that a window keeps before its chunk has been read. */
  readonly keptKeys: number;
}

const ALL: Safeguards = { barrier: true, dedupe: true, waitForHigh: true, keptKeys: 100 };
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
          window: new ChunkWindow(this.#safeguards.keptKeys * (64 + keyText(0).length)),
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
          this.#flight.window.settle({
            ...settled(formatGtidSet(setOf(this.#visible))),
            rows: chunkRows(VERSIONS, this.#flight.rows),
          });
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
    if (flight.window.invalid) {
      this.#flight = undefined;
      return;
    }
    const stream = new Stream(formatGtidSet(setOf(this.#read)));
    if (this.#safeguards.waitForHigh && !flight.window.ready(stream, 0)) return;
    const rows = chunkRows(VERSIONS, flight.rows);
    for (const [key, version] of valuesOf(flight.window.surviving(rows))) {
      if (version >= this.#read)
        throw new Error(`row ${key} of transaction ${version} comes before the stream has read it`);
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

/** Of the first transactions of the log: every third is of another source. */
function setOf(transactions: number): GtidSet {
  const set = new GtidSet();
  const numbers = [0, 0];
  for (let index = 0; index < transactions; index += 1) {
    const source = index % 3 === 2 ? 1 : 0;
    numbers[source]! += 1;
    set.add(`${source === 1 ? B : A}:${numbers[source]}` as Gtid);
  }
  return set;
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
  it('ends with the rows of the source, and no row comes too early or over a newer one', () => {
    fc.assert(property(ALL), { numRuns: 3000 });
  });

  it.each([1, 2, 3])('ends so too when a window keeps %i keys', (keptKeys) => {
    fc.assert(property({ ...ALL, keptKeys }), { numRuns: 1000 });
  });

  it.each([
    ['the barrier', { ...ALL, barrier: false }],
    ['dropping the keys the stream has shown', { ...ALL, dedupe: false }],
    ['waiting for what was executed after the SELECT', { ...ALL, waitForHigh: false }],
  ])('goes wrong without %s', (_, safeguards) => {
    expect(fc.check(property(safeguards), { numRuns: 3000 }).failed).toBe(true);
  });
});
