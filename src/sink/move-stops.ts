import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import type { ErrorCode } from '../errors/catalogue.ts';
import type { ControlRecord } from '../topic/control-record.ts';
import { CopyEnds } from './continuity.ts';
import type { Cut, SinkBatch, StoppedTable } from './destination.ts';
import type { PartitionOffset } from './record-source.ts';
import { type Obstacle, positionText, type Stops, type TableStop } from './table-stop.ts';

/** What a commit changes about stopped tables. */
export interface StopChanges {
  /** Tables that are stopped after it. */
  readonly stays: Stops;
  /** Tables that were stopped before it and continue with the others from its cut on. */
  readonly released: Stops;
  /** Tables that continue from a snapshot, behind records that are not read. */
  readonly skipping: readonly TableStop[];
}

/** More deletes than this are not kept waiting for one table: what waits is written with every commit. */
const MAX_WAITING_RECORDS = 100;

interface StopState {
  readonly stopped: Stops;
  readonly pending: readonly ControlRecord[];
  readonly cut: Cut | undefined;
}

type Moved = Pick<SinkBatch, 'control' | 'cut' | 'without'>;

/**
 * The stops after a commit.
 *
 * @param obstacles  what this commit has met
 * @param canPass  whether what stopped a table may be gone one day while its records stay the same
 */
export function moveStops(
  state: StopState,
  batch: Moved,
  obstacles: readonly Obstacle[],
  canPass: (code: ErrorCode) => boolean,
): StopChanges {
  const control = [...state.pending, ...batch.control];
  const copies = new CopyEnds(control);
  const stays = new Map<TableName, TableStop>();
  const released = new Map<TableName, TableStop>();
  const skipping: TableStop[] = [];
  const met = new Map(obstacles.map((obstacle) => [obstacle.table, obstacle]));
  for (const name of new Set([...state.stopped.keys(), ...met.keys()])) {
    const before = state.stopped.get(name);
    const obstacle = met.get(name);
    const stop = obstacle ? stopAt(state.cut, obstacle, before, canPass) : before;
    if (!stop) continue;
    if (!obstacle && isReleased(stop, batch, control, copies)) {
      released.set(name, stop);
      continue;
    }
    const isLeftOut = obstacle !== undefined || (batch.without?.includes(stop.topic) ?? false);
    const after = isLeftOut || stop.snapshot ? pastObstacle(stop, control) : stop;
    if (after.snapshot && !stop.snapshot) skipping.push(after);
    stays.set(name, after);
  }
  return { stays, released, skipping };
}

/** Rows that a snapshot was to bring are not all there when it has to stop again on its way. */
function stopAt(
  cut: Cut | undefined,
  obstacle: Obstacle,
  before: TableStop | undefined,
  canPass: (code: ErrorCode) => boolean,
): TableStop {
  const shown = before ? before.cut : cut && shownCut(cut);
  return {
    ...obstacle,
    ...(shown ? { cut: shown } : {}),
    needsSnapshot:
      !canPass(obstacle.code) ||
      obstacle.needsSnapshot === true ||
      before?.snapshot !== undefined ||
      (before?.needsSnapshot ?? false),
  };
}

function shownCut({ commitOrdinal, lastSequence, committedAtUs }: Cut): TableStop['cut'] {
  return { commitOrdinal, lastSequence, committedAtUs };
}

/** With the cut, when all of it was read; one that a snapshot brings back, with the end of that. */
function isReleased(
  stop: TableStop,
  { cut, without = [] }: Moved,
  control: readonly ControlRecord[],
  copies: CopyEnds,
): boolean {
  const { topic, snapshot } = stop;
  if (!cut || without.includes(topic)) return false;
  if (!snapshot) return true;
  if (snapshot.id === undefined) return snapshot.since <= cut.lastSequence;
  return control.some(
    (record) => record.seq <= cut.lastSequence && endsWayOn(stop, record, copies),
  );
}

/**
 * Whether a record ends the copy that a stopped table waits for. One that was given up does not: it
 * has brought some of the rows. Nor does the id matter: a request that was cancelled may hand its copy
 * over to an earlier one, and no copy that ends after the way on began had begun before it.
 */
export function endsWayOn(
  { table, snapshot }: TableStop,
  record: ControlRecord,
  copies: CopyEnds,
): boolean {
  return (
    snapshot?.id !== undefined &&
    record.kind === 'snapshotEnd' &&
    record.table === table &&
    record.seq > snapshot.since &&
    copies.covered(record) !== undefined
  );
}

/** A snapshot that begins again has another id, and reads what the one before it was to bring. */
function pastObstacle(stop: TableStop, control: readonly ControlRecord[]): TableStop {
  const own = control.filter((record) => record.kind !== 'gap' && record.table === stop.table);
  const from = stop.snapshot?.since ?? stop.seq;
  const wayOn = own.findLast(
    ({ kind, seq }) => (kind === 'snapshotBegin' || kind === 'tableDropped') && seq > from,
  );
  if (wayOn?.kind === 'tableDropped') return { ...stop, snapshot: { since: wayOn.seq } };
  if (wayOn?.kind === 'snapshotBegin' && (!stop.snapshot || stop.snapshot.id !== undefined)) {
    const since = stop.snapshot?.since ?? wayOn.seq;
    return { ...stop, snapshot: { id: wayOn.snapshotId, since } };
  }
  const deletes = own.filter(({ kind }) => kind === 'truncate' || kind === 'sweep');
  return deletes.length > MAX_WAITING_RECORDS ? { ...stop, needsSnapshot: true } : stop;
}

/** Whether a delete of rows is of use to the table when it continues: a snapshot brings what came before it. */
export function isAwaited({ snapshot, needsSnapshot }: TableStop, seq: Sequence): boolean {
  return snapshot ? seq >= snapshot.since : !needsSnapshot;
}

/**
 * For the session: what it may read of the stopped tables.
 *
 * @param isPassable  whether what stopped a table may be gone by now
 */
export function stoppedTables(
  {
    stopped,
    offsets,
  }: {
    readonly stopped: Stops;
    readonly offsets: ReadonlyMap<string, PartitionOffset>;
  },
  isPassable: (stop: TableStop) => boolean,
): readonly StoppedTable[] {
  return [...stopped.values()].map((stop) => ({
    table: stop.table,
    topic: stop.topic,
    offsets: [...offsets.values()].filter(({ topic }) => topic === stop.topic),
    readAgain: readAgain(stop, offsets, isPassable),
    code: stop.code,
    reason: stop.reason,
    position: positionText(stop),
  }));
}

/** The record that was in the way is none any more where it was done with on an earlier way on. */
function readAgain(
  stop: TableStop,
  offsets: ReadonlyMap<string, PartitionOffset>,
  isPassable: (stop: TableStop) => boolean,
): StoppedTable['readAgain'] {
  const { topic, place, needsSnapshot, snapshot } = stop;
  if (snapshot) return 'fromSnapshot';
  if (needsSnapshot) return 'never';
  const next = place ? (offsets.get(`${topic}/${place.partition}`)?.offset ?? 0) : 0;
  const isPassed = place !== undefined && next > place.offset;
  return isPassed || isPassable(stop) ? 'fromOffsets' : 'never';
}
