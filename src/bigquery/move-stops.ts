import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import type { Cut, SinkBatch, StoppedTable } from '../sink/destination.ts';
import type { PartitionOffset } from '../sink/record-source.ts';
import type { ControlRecord } from '../topic/control-record.ts';
import type { NoticedGap } from './commit-script.ts';
import type { OnRefusedRow } from './load-file.ts';
import type { StoredState } from './metadata.ts';
import {
  type Obstacle,
  positionText,
  type ShownCut,
  type Stops,
  type TableStop,
} from './table-stop.ts';

/** What a commit changes about tables that stand still. */
export interface StopChanges {
  /** Tables that stand still after it. */
  readonly stays: Stops;
  /** Tables that stood still before it and go with the others from its cut on. */
  readonly released: Stops;
  /** Tables that go on from a snapshot, behind records that are not read. */
  readonly skipping: readonly TableStop[];
  /** End of the cut before: what came up to there, and has waited, is new to released tables alone. */
  readonly published: Sequence | undefined;
}

/** Beyond it a stopped table is brought back by a snapshot: what waits is written with every commit. */
const MAX_WAITING_RECORDS = 100;

type Moved = Pick<SinkBatch, 'control' | 'cut' | 'without'>;

/**
 * The stops after a commit.
 *
 * @param obstacles  what this commit has met
 * @param rejecting  tables of which rows were put on record instead
 */
export function moveStops(
  state: Pick<StoredState, 'stopped' | 'pending' | 'cut' | 'tables'>,
  batch: Moved,
  obstacles: readonly Obstacle[],
  rejecting: ReadonlySet<TableName>,
): StopChanges {
  const control = [...state.pending, ...batch.control];
  const stays = new Map<TableName, TableStop>();
  const released = new Map<TableName, TableStop>();
  const skipping: TableStop[] = [];
  const met = new Map(obstacles.map((obstacle) => [obstacle.table, obstacle]));
  for (const name of new Set([...state.stopped.keys(), ...met.keys()])) {
    const before = state.stopped.get(name);
    const obstacle = met.get(name);
    const stop = obstacle ? stopAt(state, obstacle, before) : before;
    if (!stop) continue;
    if (!obstacle && isReleased(stop, batch, control)) {
      released.set(name, stop);
      continue;
    }
    const isLeftOut = obstacle !== undefined || (batch.without?.includes(stop.topic) ?? false);
    const after = isLeftOut || stop.snapshot ? pastObstacle(stop, control) : stop;
    if (after.snapshot && !stop.snapshot) skipping.push(after);
    stays.set(name, rejecting.has(name) ? { ...after, status: 'gap' } : after);
  }
  return { stays, released, skipping, published: state.cut?.lastSequence };
}

/** Rows that a snapshot was to bring are not all there when it has to stop again on its way. */
function stopAt(
  { cut, tables }: Pick<StoredState, 'cut' | 'tables'>,
  obstacle: Obstacle,
  before: TableStop | undefined,
): TableStop {
  const shown = before ? before.cut : cut && shownCut(cut);
  return {
    ...obstacle,
    ...(shown ? { cut: shown } : {}),
    status: before?.status ?? tables.get(obstacle.table)?.table.status ?? 'consistent',
    needsSnapshot:
      obstacle.code !== 'bigquery.row-refused' ||
      before?.snapshot !== undefined ||
      (before?.needsSnapshot ?? false),
  };
}

function shownCut({ commitOrdinal, lastSequence, committedAtUs }: Cut): ShownCut {
  return { commitOrdinal, lastSequence, committedAtUs };
}

/** With the cut, when all of it was read; one that a snapshot brings back, with the end of that. */
function isReleased(
  { table, topic, snapshot }: TableStop,
  { cut, without = [] }: Moved,
  control: readonly ControlRecord[],
): boolean {
  if (!cut || without.includes(topic)) return false;
  if (!snapshot) return true;
  return control.some(
    (record) =>
      record.kind === 'snapshotEnd' &&
      record.table === table &&
      record.snapshotId === snapshot.id &&
      record.seq <= cut.lastSequence,
  );
}

/** A snapshot that begins anew has another id, and reads what one before it was to bring. */
function pastObstacle(stop: TableStop, control: readonly ControlRecord[]): TableStop {
  const own = control.filter((record) => record.kind !== 'gap' && record.table === stop.table);
  const from = stop.snapshot?.since ?? stop.seq;
  const begun = own.findLast(({ kind, seq }) => kind === 'snapshotBegin' && seq > from);
  if (begun?.kind === 'snapshotBegin') {
    const since = stop.snapshot?.since ?? begun.seq;
    return { ...stop, snapshot: { id: begun.snapshotId, since } };
  }
  return own.length > MAX_WAITING_RECORDS ? { ...stop, needsSnapshot: true } : stop;
}

/** Whether a record is of use to the table when it goes on: a snapshot brings what came before it. */
export function isAwaited(
  { snapshot, needsSnapshot }: TableStop,
  { seq }: Pick<ControlRecord, 'seq'>,
): boolean {
  return snapshot ? seq >= snapshot.since : !needsSnapshot;
}

/** The batch without rows that a snapshot brings once more. */
export function withoutSkipped(stopped: Stops, batch: SinkBatch): SinkBatch {
  if (stopped.size === 0) return batch;
  const tables = batch.tables.flatMap((part) => {
    const since = stopped.get(part.table)?.snapshot?.since;
    const rows = since === undefined ? part.rows : part.rows.filter(({ seq }) => seq >= since);
    return rows.length === 0 ? [] : [{ ...part, rows }];
  });
  return { ...batch, tables };
}

/** For the session: what it may read of the tables that stand still. */
export function stoppedTables(
  { stopped, offsets }: Pick<StoredState, 'stopped' | 'offsets'>,
  onRefusedRow: OnRefusedRow,
): readonly StoppedTable[] {
  return [...stopped.values()].map((stop) => ({
    table: stop.table,
    topic: stop.topic,
    offsets: [...offsets.values()].filter(({ topic }) => topic === stop.topic),
    goesOn: goesOn(stop, offsets, onRefusedRow),
    code: stop.code,
    reason: stop.reason,
    position: positionText(stop),
  }));
}

/** A refused row is no obstacle any more where rows are rejected, or where that was done with it before. */
function goesOn(
  { topic, place, needsSnapshot, snapshot }: TableStop,
  offsets: ReadonlyMap<string, PartitionOffset>,
  onRefusedRow: OnRefusedRow,
): StoppedTable['goesOn'] {
  if (snapshot) return 'fromSnapshot';
  if (needsSnapshot) return 'no';
  const next = place ? (offsets.get(`${topic}/${place.partition}`)?.offset ?? 0) : 0;
  const isPassed = place !== undefined && next > place.offset;
  return onRefusedRow === 'reject' || isPassed ? 'fromOffsets' : 'no';
}

/** What a table lacks that a snapshot has brought past its obstacle. */
export function skippedGap({ table, code, cut, seq, snapshot }: TableStop): NoticedGap {
  const shown = cut?.lastSequence ?? 'the beginning';
  const cause = `${table} was stopped by ${code}: its changes after ${shown} are not here`;
  return { seq: snapshot?.since ?? seq, cause, from: '', to: '' };
}
