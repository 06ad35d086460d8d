import { internalTopics, type Topic } from '../topic/topic-name.ts';
import { cutOf, type Destination, type DestinationState } from './destination.ts';
import type { SinkKillPoint } from './kill-points.ts';
import type { CommittedPosition, RecordSource } from './record-source.ts';
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
  const position = await somePosition(source, signal);
  const id = input.newId();
  const start =
    anew || (await hasLostRecords(source, position, input.prefix))
      ? {
          cut: cutOf(position.checkpoint),
          offsets: await source.highWatermarks(partitionsOf(position)),
        }
      : undefined;
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
