import { internalTopics, type Topic } from '../topic/topic-name.ts';
import {
  cutOf,
  type Destination,
  type DestinationState,
  type NewWarehouse,
} from './destination.ts';
import type { SinkKillPoint } from './kill-points.ts';
import type { CommittedPosition, PartitionOffset, RecordSource } from './record-source.ts';
import type { SinkLog, SinkOrders, SinkRecord } from './sink-log.ts';
import { decideOpening } from './warehouse-verdict.ts';

export interface OpenWarehouseInput {
  readonly log: SinkLog;
  readonly source: RecordSource;
  readonly destination: Destination;
  readonly prefix: string;
  readonly orders: SinkOrders;
  /** An id that no other warehouse has. */
  readonly newId: () => string;
  readonly reach: (point: SinkKillPoint) => void;
  readonly signal: AbortSignal;
}

export type OpenedWarehouse =
  | {
      readonly kind: 'open';
      readonly state: DestinationState;
      /** The newest position, where it was read on the way: it will not be given a second time at once. */
      readonly position: CommittedPosition | undefined;
    }
  /** Rows from before it began are in no topic; it is filled as soon as a snapshot of this id is asked for. */
  | { readonly kind: 'needsSnapshot'; readonly snapshotId: string };

/**
 * The warehouse this sink fills: the one it has filled so far, or a new one when it has filled none
 * or was told to begin anew.
 *
 * The id of a new warehouse is in the log before the warehouse exists, and the log calls it ready
 * before the first row goes in. So a warehouse that holds rows is always known, and one that is
 * being made can be made again.
 *
 * @throws {SluiceError} `sink.warehouse-lost` | `sink.warehouse-unknown`
 */
export async function openWarehouse(input: OpenWarehouseInput): Promise<OpenedWarehouse> {
  const { log, destination, orders } = input;
  const found = await destination.open();
  const opening = decideOpening(log.record, found, orders.renewal);
  const { state, position } =
    opening.kind === 'create'
      ? await create(input, opening.anew)
      : { state: opening.state, position: undefined };
  if (opening.kind !== 'use') await log.save(ready(log.record, state.warehouseId));
  const owed = log.record?.snapshot;
  if (owed === undefined) return { kind: 'open', state, position };
  if (orders.snapshot?.id !== owed) return { kind: 'needsSnapshot', snapshotId: owed };
  if (orders.snapshot.state === 'finished') {
    const { snapshot: _, ...rest } = ready(log.record, state.warehouseId);
    await log.save(rest);
  }
  return { kind: 'open', state, position };
}

function ready(record: SinkRecord | undefined, id: string): SinkRecord {
  return { ...record, v: 1, warehouse: { id, state: 'ready' } };
}

/**
 * A new warehouse begins with the first record of the topics while they have lost none. Where they
 * have, and where it takes the place of another, it begins at the present cut, and a snapshot brings
 * what was there before.
 */
async function create(
  input: OpenWarehouseInput,
  anew: boolean,
): Promise<{ readonly state: DestinationState; readonly position: CommittedPosition }> {
  const { log, source, destination, orders, reach, signal } = input;
  const first = await somePosition(source, signal);
  const id = input.newId();
  const { start, position } =
    anew || (await hasLostRecords(source, first, input.prefix))
      ? await presentCut(input, first)
      : { start: undefined, position: first };
  const { plan } = log.record ?? {};
  const renewal = orders.renewal ?? log.record?.renewal;
  await log.save({
    v: 1,
    warehouse: { id, state: 'preparing' },
    ...(renewal === undefined ? {} : { renewal }),
    ...(start === undefined ? {} : { snapshot: `sink-${id}` }),
    ...(plan === undefined ? {} : { plan }),
  });
  reach('sinkPreparing');
  const state = await destination.create({ warehouseId: id, ...(start ? { start } : {}) });
  reach('sinkPrepared');
  return { state, position };
}

/**
 * The present cut, and offsets that leave out nothing that comes after it. The offsets are taken
 * first. Whatever lies before them is committed or aborted by the time the position is read, so that
 * the position covers it; what lies after them and is covered as well, the warehouse does not store.
 */
async function presentCut(
  { source, prefix, signal }: OpenWarehouseInput,
  known: CommittedPosition,
): Promise<{
  readonly start: NonNullable<NewWarehouse['start']>;
  readonly position: CommittedPosition;
}> {
  const offsets = await source.highWatermarks(partitionsOf(known));
  await untilEnded(source, offsets, signal);
  // The markers of a transaction reach one partition after the other, and this one perhaps last.
  const positions = { topic: internalTopics(prefix).positions, partition: 0 };
  await untilEnded(source, await source.highWatermarks([positions]), signal);
  const position = (await source.newestPosition(POSITION_WAIT_MS, signal)) ?? known;
  return { start: { cut: cutOf(position.checkpoint), offsets }, position };
}

/** Waits until every transaction that has written before the offsets has ended: it is committed or aborted. */
async function untilEnded(
  source: RecordSource,
  ends: readonly PartitionOffset[],
  signal: AbortSignal,
): Promise<void> {
  const starts = await source.logStarts(ends);
  const ranges = ends.flatMap(({ offset: until, ...partition }, index) => {
    const start = starts[index]?.offset ?? 0;
    return until <= start ? [] : [{ ...partition, offset: until - 1, until }];
  });
  for await (const _ of source.read(ranges, signal)) signal.throwIfAborted();
}

const POSITION_WAIT_MS = 1_000;

/** Waits for the pipeline's first commit: before it there is nothing to decide from. */
async function somePosition(source: RecordSource, signal: AbortSignal): Promise<CommittedPosition> {
  for (;;) {
    signal.throwIfAborted();
    const position = await source.newestPosition(POSITION_WAIT_MS, signal);
    if (position) return position;
  }
}

/** A topic that has lost nothing still begins at offset 0, whenever its records were written. */
async function hasLostRecords(
  source: RecordSource,
  position: CommittedPosition,
  prefix: string,
): Promise<boolean> {
  const control = { topic: internalTopics(prefix).control, partition: 0 };
  const starts = await source.logStarts([...partitionsOf(position), control]);
  return starts.some(({ offset }) => offset > 0);
}

function partitionsOf({
  topics,
}: CommittedPosition): readonly { readonly topic: Topic; readonly partition: number }[] {
  return [...topics].flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition) => ({ topic, partition })),
  );
}
