import { unreachable } from '../change/brand.ts';
import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import type { ControlRecord } from '../topic/control-record.ts';
import {
  afterRecord,
  brokenAt,
  type Continuity,
  type ContinuityMap,
  CopyEnds,
  mendedBy,
  returned,
} from './continuity.ts';
import type { Cut, SinkBatch } from './destination.ts';
import { endsWayOn, isAwaited, type StopChanges } from './move-stops.ts';
import type { TableStop } from './table-stop.ts';

/** What a warehouse holds before a batch. */
export interface KnownTables {
  readonly continuity: ContinuityMap;
  /** Beyond the cut, and the deletes of stopped tables; in sequence order. */
  readonly pending: readonly ControlRecord[];
  /** End of the cut that the warehouse began at, if it began at one. */
  readonly start: Sequence | undefined;
  /** The published cut. */
  readonly cut: Cut | undefined;
}

/** Every live row of a table is gone, or every one that is older than a sequence. */
export interface LiveDelete {
  readonly table: TableName;
  readonly seq: Sequence;
  readonly olderThan?: Sequence;
  readonly committedAtUs?: number;
}

/** Changes that are not in the warehouse, for people. */
export interface NoticedGap {
  readonly seq: Sequence;
  readonly cause: string;
  readonly from: string;
  readonly to: string;
}

export interface ControlEffects {
  /** Of every table, after the batch. */
  readonly continuity: ContinuityMap;
  /** In sequence order. A table that nothing is stored of has no live rows. */
  readonly deletes: readonly LiveDelete[];
  readonly gaps: readonly NoticedGap[];
  readonly pending: readonly ControlRecord[];
}

/** What publishing the cut of a batch does besides showing rows. Each warehouse only carries it out. */
export function controlEffects(
  known: KnownTables,
  batch: Pick<SinkBatch, 'tables' | 'control' | 'cut'>,
  stops: StopChanges = NO_STOPS,
  rejected: ReadonlyMap<TableName, Sequence> = new Map(),
): ControlEffects {
  const published = known.cut?.lastSequence;
  const until = batch.cut?.lastSequence ?? published;
  const isDue = ({ seq }: ControlRecord): boolean => until !== undefined && seq <= until;
  const isFresh = ({ seq }: ControlRecord): boolean => published === undefined || seq > published;
  // Records that waited for a stopped table were heard when their cut was published.
  const heard = [...known.pending.filter(isFresh), ...batch.control];
  const due = heard.filter(isDue);
  // What happened before the warehouse began happened to rows that it does not have.
  const isOfRows = ({ seq }: ControlRecord): boolean =>
    known.start === undefined || seq > known.start;
  const all = [...known.pending, ...batch.control].filter(isOfRows);
  const continuity = continuityAfter(known.continuity, due, stops, rejected);
  return {
    continuity: withReturned(continuity, batch.tables),
    deletes: batch.cut ? liveDeletes(all.filter(isDue), stops) : [],
    gaps: [...due.filter(isOfRows).flatMap(noticedGap), ...stops.skipping.map(skippedGap)],
    pending: pendingAfter(known.continuity, all, isDue, stops),
  };
}

const NO_STOPS: StopChanges = { stays: new Map(), released: new Map(), skipping: [] };

function continuityAfter(
  before: ContinuityMap,
  due: readonly ControlRecord[],
  { stays, released }: StopChanges,
  rejected: ReadonlyMap<TableName, Sequence>,
): ContinuityMap {
  const after = new Map(before);
  const change = (name: TableName, next: (facts: Continuity) => Continuity): void => {
    after.set(name, next(after.get(name) ?? {}));
  };
  const copies = new CopyEnds(due);
  for (const record of due) {
    const tables = record.kind === 'gap' ? [...after.keys()] : [record.table];
    for (const name of tables)
      change(name, (facts) => afterRecord(facts, record, copies.covered(record)));
  }
  for (const [name, { snapshot }] of released)
    if (snapshot) change(name, (facts) => mendedBy(facts, snapshot.since));
  for (const [name, seq] of rejected) change(name, (facts) => brokenAt(facts, seq, undefined));
  for (const name of stays.keys()) change(name, (facts) => facts);
  return after;
}

/** Rows of a table that was dropped say that it is there again, as its schema does. */
function withReturned(continuity: ContinuityMap, tables: SinkBatch['tables']): ContinuityMap {
  const after = new Map(continuity);
  for (const { table, rows } of tables) {
    const facts = after.get(table);
    const gone = facts?.goneSince;
    const first = gone === undefined ? undefined : rows.find(({ seq }) => seq > gone);
    if (facts && first) after.set(table, returned(facts, first.seq));
  }
  return after;
}

function liveDeletes(due: readonly ControlRecord[], stops: StopChanges): readonly LiveDelete[] {
  const copies = new CopyEnds(due);
  return due.flatMap((record) => liveDelete(record, stops, copies));
}

function liveDelete(
  record: ControlRecord,
  { stays, released }: StopChanges,
  copies: CopyEnds,
): readonly LiveDelete[] {
  if (record.kind === 'gap' || stays.has(record.table)) return [];
  const { table, seq, committedAtUs } = record;
  const made = { table, seq, ...(committedAtUs === undefined ? {} : { committedAtUs }) };
  const stop = released.get(table);
  const way = stop?.snapshot;
  switch (record.kind) {
    case 'truncate':
      return [made];
    case 'sweep':
      return [{ ...made, olderThan: record.olderThan }];
    case 'snapshotEnd':
      // What was deleted among the records that were not read has no other delete.
      return stop && way && endsWayOn(stop, record, copies)
        ? [{ ...made, olderThan: way.since }]
        : [];
    case 'tableDropped':
      return way && way.id === undefined && way.since === seq ? [made] : [];
    case 'snapshotBegin':
    case 'tableGap':
    case 'columns':
    case 'schema':
      return [];
    default:
      return unreachable(record);
  }
}

/** Records beyond the cut, and what a stopped table will need when it continues. */
function pendingAfter(
  before: ContinuityMap,
  all: readonly ControlRecord[],
  isDue: (record: ControlRecord) => boolean,
  { stays }: StopChanges,
): readonly ControlRecord[] {
  const dropped = new Set([
    ...[...before].flatMap(([name, { goneSince }]) => (goneSince === undefined ? [] : [name])),
    ...all.flatMap((record) => (record.kind === 'tableDropped' ? [record.table] : [])),
  ]);
  return all.filter((record) => {
    if (record.kind === 'gap') return !isDue(record);
    const stop = stays.get(record.table);
    if (stop && isDue(record)) return isNeededBy(stop, record);
    // A schema says one thing besides: that a table that was dropped is there again.
    const isHeard = record.kind !== 'schema' || dropped.has(record.table);
    return isHeard && !isDue(record);
  });
}

/** Deletes of rows, and what ends the way on from a snapshot. */
function isNeededBy(stop: TableStop, record: ControlRecord): boolean {
  switch (record.kind) {
    case 'truncate':
    case 'sweep':
      return isAwaited(stop, record.seq);
    case 'snapshotEnd':
      return stop.snapshot?.id !== undefined && record.seq > stop.snapshot.since;
    case 'tableDropped':
      return stop.snapshot?.since === record.seq;
    case 'snapshotBegin':
    case 'tableGap':
    case 'columns':
    case 'schema':
    case 'gap':
      return false;
    default:
      return unreachable(record);
  }
}

function noticedGap(record: ControlRecord): readonly NoticedGap[] {
  if (record.kind === 'gap') {
    const { seq, cause, from, to } = record;
    return [{ seq, cause, from, to }];
  }
  if (record.kind !== 'tableGap' || record.cause === 'rewritten' || record.cause === 'cascade')
    return [];
  return [{ seq: record.seq, cause: `${record.table}: ${record.cause}`, from: '', to: '' }];
}

/** What the history of a table lacks that a snapshot has brought past its obstacle. */
function skippedGap({ table, code, cut, seq, snapshot }: TableStop): NoticedGap {
  const shown = cut?.lastSequence ?? 'the beginning';
  const cause = `${table} was stopped by ${code}: its changes after ${shown} are not here`;
  return { seq: snapshot?.since ?? seq, cause, from: '', to: '' };
}
