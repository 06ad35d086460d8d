import { describe, expect, it } from 'vitest';
import { BEFORE_ALL, type Sequence } from '../../src/change/sequence.ts';
import type { TableName } from '../../src/change/table.ts';
import {
  type Continuity,
  factsOfStatus,
  firstFacts,
  type Standing,
  standingChanges,
  standingOf,
} from '../../src/sink/continuity.ts';
import { controlEffects, type KnownTables } from '../../src/sink/control-effects.ts';
import type { StopChanges } from '../../src/sink/move-stops.ts';
import type { TableStop } from '../../src/sink/table-stop.ts';
import type { ControlRecord, TableGap } from '../../src/topic/control-record.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import { cutAt, seqAt } from '../duckdb/warehouse.ts';

const ORDERS = 'shop.orders' as TableName;
const ITEMS = 'shop.items' as TableName;
const table = ORDERS;

const begin = (n: number, snapshotId = 's'): ControlRecord => ({
  kind: 'snapshotBegin',
  seq: seqAt(n),
  table,
  snapshotId,
});
const end = (n: number, covers?: number, snapshotId = 's'): ControlRecord => ({
  kind: 'snapshotEnd',
  seq: seqAt(n, 3),
  table,
  snapshotId,
  ...(covers === undefined ? {} : { covers: seqAt(covers) }),
});
const sweep = (n: number, olderThan: number): ControlRecord => ({
  kind: 'sweep',
  seq: seqAt(n),
  table,
  olderThan: seqAt(olderThan),
});
const gap = (n: number): ControlRecord => ({
  kind: 'gap',
  seq: seqAt(n),
  cause: 'purged',
  from: 'a:1-5',
  to: 'a:1-9',
});
const tableGap = (n: number, what: Partial<TableGap> = {}): ControlRecord => ({
  kind: 'tableGap',
  seq: seqAt(n),
  table,
  cause: 'excluded',
  followed: true,
  ...what,
});
const dropped = (n: number): ControlRecord => ({ kind: 'tableDropped', seq: seqAt(n), table });
const schema = (n: number): ControlRecord => ({
  kind: 'schema',
  seq: seqAt(n),
  table,
  schemaId: 'a' as never,
});
const truncate = (n: number): ControlRecord => ({ kind: 'truncate', seq: seqAt(n), table });

const known = (facts: Continuity = { since: seqAt(1) }, more: Partial<KnownTables> = {}) => ({
  continuity: new Map([[ORDERS, facts]]),
  pending: [],
  start: undefined,
  cut: cutAt(1),
  ...more,
});

/** The standing of the table after the records, whose cut is published with each of them. */
function after(
  records: readonly ControlRecord[],
  facts?: Continuity,
  start?: Sequence,
): Standing | undefined {
  let state: KnownTables = known(facts, { start });
  for (const record of records) {
    const cut = cutAt(Number.parseInt(record.seq.slice(9, 25), 16));
    const { continuity, pending } = controlEffects(state, { tables: [], control: [record], cut });
    state = { ...state, continuity, pending, cut };
  }
  return standingOf(state.continuity.get(ORDERS) ?? {}, undefined, start);
}

/** The same, all in one batch. */
function atOnce(records: readonly ControlRecord[], facts?: Continuity): Standing | undefined {
  const effects = controlEffects(known(facts), { tables: [], control: records, cut: cutAt(99) });
  return standingOf(effects.continuity.get(ORDERS) ?? {}, undefined, undefined);
}

describe('the status of a table', () => {
  it.each<[string, readonly ControlRecord[], Standing['status'] | undefined]>([
    ['is consistent while nothing has broken it', [schema(2), truncate(3)], 'consistent'],
    ['is gap after a gap of the pipeline', [gap(2)], 'gap'],
    ['is gap after a gap of the table that its changes follow', [tableGap(2)], 'gap'],
    [
      'is stopped while its changes are not followed',
      [tableGap(2, { followed: false })],
      'stopped',
    ],
    ['is gap when it is followed again', [tableGap(2, { followed: false }), tableGap(4)], 'gap'],
    ['is snapshotting from the beginning of a copy', [begin(2)], 'snapshotting'],
    ['is snapshotting also in a gap', [gap(2), begin(3)], 'snapshotting'],
    ['is snapshotting also when the gap comes during the copy', [begin(2), gap(3)], 'snapshotting'],
    [
      'is stopped rather than snapshotting',
      [begin(2), tableGap(3, { followed: false })],
      'stopped',
    ],
    [
      'is consistent at the end of a first copy, which has no sweep',
      [begin(2), end(4)],
      'consistent',
    ],
    ['is consistent when a copy covers the gap', [gap(2), begin(3), end(5, 3)], 'consistent'],
    [
      'is consistent when a copy covers the very sequence of the gap',
      [gap(2), end(5, 2)],
      'consistent',
    ],
    ['stays gap when the copy began before the gap', [begin(2), gap(3), end(5, 2)], 'gap'],
    ['stays gap after a refresh without a sweep', [gap(2), begin(3), end(5)], 'gap'],
    ['stays gap when a sweep of another commit came before', [gap(2), sweep(3, 3), end(5)], 'gap'],
    [
      'stays gap when a gap of the table comes after what the copy covers',
      [gap(2), begin(3), tableGap(4, { cause: 'rewritten' }), end(5, 3)],
      'gap',
    ],
    [
      'stays snapshotting at the end of another copy that covers nothing',
      [begin(2, 'a'), end(4, undefined, 'b')],
      'snapshotting',
    ],
    [
      'is consistent at the end of another copy that covers it',
      [begin(2, 'a'), end(4, 3, 'b')],
      'consistent',
    ],
    ['is not there when the table was dropped', [dropped(2)], undefined],
    ['is not there when the table was dropped during a copy', [begin(2), dropped(3)], undefined],
    ['is not there when a copy of a dropped table begins', [dropped(2), begin(3)], undefined],
    ['is consistent when the table was made again', [gap(2), dropped(3), schema(4)], 'consistent'],
    [
      'is gap when the table was made again and then broken',
      [dropped(3), schema(4), tableGap(5)],
      'gap',
    ],
    [
      'is gap when the table was broken before its new schema was recorded',
      [dropped(3), tableGap(4), schema(5)],
      'gap',
    ],
    [
      'does not change with columns',
      [{ kind: 'columns', seq: seqAt(2), table, closed: ['a'], renamed: [], defaults: [] }],
      'consistent',
    ],
  ])('%s', (_, records, status) => {
    expect(after(records)?.status).toBe(status);
    expect(atOnce(records)?.status).toBe(status);
  });

  it('is mended by a sweep in the commit of an end that does not say what it covers', () => {
    expect(atOnce([gap(2), begin(3), sweep(5, 3), end(5)])?.status).toBe('consistent');
    expect(atOnce([begin(2), gap(3), sweep(5, 2), end(5)])?.status).toBe('gap');
  });

  it('says since when the table is not consistent, and why it is stopped', () => {
    expect(after([{ ...gap(2), committedAtUs: 17 }])).toEqual({
      status: 'gap',
      since: seqAt(2),
      sinceUs: 17,
    });
    const stopped = {
      followed: false,
      cause: 'stopped',
      code: 'table.no-key',
      reason: 'No key.',
    } as const;
    expect(after([{ ...tableGap(2, stopped), committedAtUs: 17 }])).toEqual({
      status: 'stopped',
      since: seqAt(2),
      sinceUs: 17,
      code: 'table.no-key',
      reason: 'No key.',
    });
    expect(after([tableGap(2, { followed: false })])).toMatchObject({ code: 'excluded' });
  });

  it('counts from the latest break', () => {
    expect(after([gap(2), tableGap(4), gap(3)])).toMatchObject({ since: seqAt(4) });
  });

  describe('of a warehouse that began at a cut', () => {
    const start = cutAt(5).lastSequence;
    it('is incomplete for a table that was there before, until a copy that began after', () => {
      const facts = firstFacts(undefined, seqAt(3), true, start);
      expect(after([], facts, start)).toEqual({ status: 'incomplete', since: start });
      expect(after([end(7, 4)], facts, start)?.status).toBe('incomplete');
      expect(after([begin(7), end(9, 7)], facts, start)?.status).toBe('consistent');
    });

    it('is consistent for a table that is announced after the cut', () => {
      expect(after([], firstFacts(undefined, seqAt(6), true, start), start)?.status).toBe(
        'consistent',
      );
    });

    it('is incomplete for a table that is met with a row and was not announced', () => {
      expect(after([], firstFacts(undefined, seqAt(6), false, start), start)?.status).toBe(
        'incomplete',
      );
    });

    it('is gap for a table that was complete and broken later', () => {
      const facts = firstFacts(undefined, seqAt(3), true, start);
      expect(after([begin(7), end(9, 7), gap(10)], facts, start)?.status).toBe('gap');
    });

    it('hears what was said before the cut: a table that is not followed is stopped', () => {
      const before = known({ since: seqAt(1) }, { start, cut: cutAt(5) });
      const control = [tableGap(4, { followed: false }), truncate(4)];
      const effects = controlEffects(before, { tables: [], control, cut: undefined });
      expect(effects).toMatchObject({ deletes: [], gaps: [], pending: [] });
      expect(standingOf(effects.continuity.get(ORDERS) ?? {}, undefined, start)?.status).toBe(
        'stopped',
      );
    });
  });

  it('of an earlier layout is taken over as broken since the beginning, unless it was consistent', () => {
    expect(factsOfStatus('consistent')).toEqual({});
    for (const status of ['gap', 'incomplete', 'stopped'])
      expect(factsOfStatus(status)).toEqual({ brokenSince: BEFORE_ALL });
    expect(after([], factsOfStatus('snapshotting'))?.status).toBe('snapshotting');
    expect(after([end(3)], factsOfStatus('snapshotting'))?.status).toBe('gap');
    expect(after([begin(3), end(5, 3)], factsOfStatus('gap'))?.status).toBe('consistent');
  });

  it('is written only when it or its facts have changed', () => {
    const from = { ...known(), stopped: new Map() };
    expect(standingChanges(from, { ...from, continuity: new Map(from.continuity) })).toEqual([]);
    const to = { ...from, continuity: new Map([[ORDERS, { brokenSince: seqAt(3) }]]) };
    expect(standingChanges(from, to)).toMatchObject([{ table: ORDERS, isNew: false }]);
  });
});

describe('publishing a cut', () => {
  const at = (n: number, control: readonly ControlRecord[]) => ({
    tables: [],
    control,
    cut: cutAt(n),
  });

  it('carries out what is at or before the cut, and lets the rest wait', () => {
    const control = [truncate(2), sweep(3, 2), truncate(5), gap(6)];
    const effects = controlEffects(known(), at(4, control));
    expect(effects.deletes).toEqual([
      { table, seq: seqAt(2) },
      { table, seq: seqAt(3), olderThan: seqAt(2) },
    ]);
    expect(effects.pending).toEqual([truncate(5), gap(6)]);
    expect(effects.continuity.get(ORDERS)).toEqual({ since: seqAt(1) });
    const next = controlEffects(
      known(undefined, { pending: effects.pending, cut: cutAt(4) }),
      at(6, []),
    );
    expect(next).toMatchObject({ deletes: [{ seq: seqAt(5) }], pending: [] });
    expect(next.gaps).toEqual([{ seq: seqAt(6), cause: 'purged', from: 'a:1-5', to: 'a:1-9' }]);
  });

  it('changes nothing without a cut', () => {
    const effects = controlEffects(known(), {
      tables: [],
      control: [truncate(2), gap(3)],
      cut: undefined,
    });
    expect(effects).toMatchObject({ deletes: [], gaps: [], pending: [truncate(2), gap(3)] });
    expect(effects.continuity).toEqual(known().continuity);
  });

  it('hits only the tables that were there at the sequence of a gap', () => {
    const continuity = new Map<TableName, Continuity>([
      [ORDERS, { since: seqAt(2) }],
      [ITEMS, { since: seqAt(4) }],
    ]);
    const effects = controlEffects(known({}, { continuity }), at(5, [gap(3)]));
    expect(effects.continuity.get(ORDERS)).toMatchObject({ brokenSince: seqAt(3) });
    expect(effects.continuity.get(ITEMS)).toEqual({ since: seqAt(4) });
  });

  it('remembers a gap of a table before anything of the table is stored', () => {
    const effects = controlEffects(
      known({}, { continuity: new Map() }),
      at(2, [tableGap(2, { followed: false, cause: 'invisible' })]),
    );
    const facts = firstFacts(effects.continuity.get(ORDERS), seqAt(3), true, undefined);
    expect(standingOf(facts, undefined, undefined)).toMatchObject({
      status: 'stopped',
      code: 'invisible',
    });
    expect(effects.gaps).toMatchObject([{ cause: 'shop.orders: invisible' }]);
  });

  it('breaks a table whose rows were put on record instead', () => {
    const { continuity } = controlEffects(
      known(),
      at(3, []),
      undefined,
      new Map([[ORDERS, seqAt(3)]]),
    );
    expect(continuity.get(ORDERS)).toMatchObject({ brokenSince: seqAt(3) });
  });

  it('keeps a schema waiting only where it says that a dropped table is there again', () => {
    expect(controlEffects(known(), at(2, [schema(4)])).pending).toEqual([]);
    expect(controlEffects(known(), at(2, [dropped(3), schema(4)])).pending).toEqual([
      dropped(3),
      schema(4),
    ]);
    expect(controlEffects(known({ goneSince: seqAt(2) }), at(2, [schema(4)])).pending).toEqual([
      schema(4),
    ]);
  });

  it('lists a table that is made again and cannot be followed, though it never has a schema', () => {
    const stopped = tableGap(4, { cause: 'stopped', followed: false, code: 'table.no-key' });
    const { continuity } = controlEffects(known({ goneSince: seqAt(2) }), at(4, [stopped]));
    const facts = continuity.get(ORDERS) ?? {};
    expect(standingOf(facts, undefined, undefined)).toEqual({
      status: 'stopped',
      since: seqAt(4),
      code: 'table.no-key',
    });
  });

  it('does not break a table by a gap at which the source had none of the name', () => {
    const records = [dropped(2), gap(3), schema(4)];
    const { continuity } = controlEffects(known(), at(4, records));
    expect(standingOf(continuity.get(ORDERS) ?? {}, undefined, undefined)).toEqual({
      status: 'consistent',
    });
  });

  it('takes rows of a dropped table for the table made again', () => {
    const rows = [{ seq: seqAt(4) }] as never;
    const batch = { ...at(4, []), tables: [{ table, rows }] as never };
    const { continuity } = controlEffects(known({ goneSince: seqAt(2) }), batch);
    expect(continuity.get(ORDERS)).toEqual({ since: seqAt(4) });
  });
});

describe('a table that is stopped while a cut is published', () => {
  const stop: TableStop = {
    table,
    topic: 'shop.shop.orders' as Topic,
    code: 'bigquery.row-refused',
    reason: 'why',
    seq: seqAt(2),
    cut: cutAt(1),
    needsSnapshot: false,
  };
  const stays = (one: TableStop = stop): StopChanges => ({
    stays: new Map([[ORDERS, one]]),
    released: new Map(),
    skipping: [],
  });
  const released = (one: TableStop): StopChanges => ({
    stays: new Map(),
    released: new Map([[ORDERS, one]]),
    skipping: [],
  });
  const publish = (
    n: number,
    control: readonly ControlRecord[],
    stops: StopChanges,
    state = known(),
  ) => controlEffects(state, { tables: [], control, cut: cutAt(n) }, stops);

  it('keeps its deletes waiting, and its facts follow the records at once', () => {
    const effects = publish(4, [truncate(3), gap(4)], stays());
    expect(effects).toMatchObject({ deletes: [], pending: [truncate(3)] });
    expect(effects.continuity.get(ORDERS)).toMatchObject({ brokenSince: seqAt(4) });
    expect(effects.gaps).toHaveLength(1);
    const later = known(effects.continuity.get(ORDERS), {
      pending: effects.pending,
      cut: cutAt(4),
    });
    const next = publish(5, [], released(stop), later);
    expect(next).toMatchObject({ deletes: [{ seq: seqAt(3) }], pending: [], gaps: [] });
  });

  it('forgets deletes that a snapshot makes needless', () => {
    expect(publish(4, [truncate(3)], stays({ ...stop, needsSnapshot: true })).pending).toEqual([]);
    const from = { ...stop, snapshot: { id: 's', since: seqAt(3) } };
    expect(publish(5, [truncate(4), end(5)], stays(from)).pending).toEqual([truncate(4), end(5)]);
  });

  it('is swept at the end of the snapshot that brings it back, which mends what was broken before', () => {
    const from = { ...stop, snapshot: { id: 's', since: seqAt(4) } };
    const state = known({ brokenSince: seqAt(2) }, { cut: cutAt(4) });
    const effects = publish(6, [end(6, 3)], released(from), state);
    expect(effects.deletes).toEqual([{ table, seq: seqAt(6, 3), olderThan: seqAt(4) }]);
    expect(effects.continuity.get(ORDERS)).toEqual({});
  });

  it('loses its rows with the drop that releases it', () => {
    const from = { ...stop, snapshot: { since: seqAt(4) } };
    const effects = publish(4, [dropped(4)], released(from));
    expect(effects.deletes).toEqual([{ table, seq: seqAt(4) }]);
    expect(standingOf(effects.continuity.get(ORDERS) ?? {}, undefined, undefined)).toBeUndefined();
  });

  it('is listed as stopped, with its own cut and what stopped it', () => {
    expect(standingOf({ brokenSince: seqAt(1) }, stop, undefined)).toEqual({
      status: 'stopped',
      since: cutAt(1).lastSequence,
      sinceUs: cutAt(1).committedAtUs,
      code: 'bigquery.row-refused',
      reason: `bigquery.row-refused at sequence ${seqAt(2)}: why`,
    });
  });
});
