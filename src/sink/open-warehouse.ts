import { SluiceError } from '../errors/error.ts';
import type { Destination, DestinationState } from './destination.ts';
import type { SinkKillPoint } from './kill-points.ts';
import type { SinkLog, SinkRecord } from './sink-log.ts';

export interface OpenWarehouseInput {
  readonly log: SinkLog;
  readonly destination: Destination;
  /** An id that no other warehouse has. */
  readonly newId: () => string;
  readonly reach: (point: SinkKillPoint) => void;
}

/**
 * The warehouse this sink fills: the one it has filled so far, or a new one when it has filled none.
 *
 * The id of a new warehouse is in the log before the warehouse exists, and the log calls it ready
 * before the first row goes in. So a warehouse that holds rows is always known, and one that is
 * being made can be made again.
 *
 * @throws {SluiceError} `sink.warehouse-lost` | `sink.warehouse-unknown`
 */
export async function openWarehouse(input: OpenWarehouseInput): Promise<DestinationState> {
  const { log, destination, reach } = input;
  const found = await destination.open();
  const step = decideOpening(log.record, found);
  if (step.kind === 'use') return step.state;
  let state: DestinationState;
  if (step.kind === 'confirm') state = step.state;
  else {
    const id = input.newId();
    await log.save({ ...log.record, v: 1, warehouse: { id, state: 'preparing' } });
    reach('sinkPreparing');
    state = await destination.create({ warehouseId: id });
    reach('sinkPrepared');
  }
  const { warehouseId: id } = state;
  await log.save({ ...log.record, v: 1, warehouse: { id, state: 'ready' } });
  return state;
}

export type Opening =
  | { readonly kind: 'use'; readonly state: DestinationState }
  /** It is there, and the log has to say so before the first row. */
  | { readonly kind: 'confirm'; readonly state: DestinationState }
  | { readonly kind: 'create' };

/**
 * What is to be done, from what the log says and what was found.
 * @throws {SluiceError} `sink.warehouse-lost` | `sink.warehouse-unknown`
 */
export function decideOpening(
  record: SinkRecord | undefined,
  found: DestinationState | undefined,
): Opening {
  if (record && found?.warehouseId === record.warehouse.id)
    return { kind: record.warehouse.state === 'ready' ? 'use' : 'confirm', state: found };
  if (record?.warehouse.state === 'ready') throw lost(record.warehouse.id, found);
  if (!found) return { kind: 'create' };
  if (holdsNothing(found)) return { kind: 'confirm', state: found };
  throw unknown(found, record);
}

function holdsNothing({ cut, offsets }: DestinationState): boolean {
  return cut === undefined && offsets.length === 0;
}

function lost(expected: string, found: DestinationState | undefined): SluiceError {
  return new SluiceError(
    'sink.warehouse-lost',
    `This sink has filled warehouse ${expected}, but ${found ? `finds warehouse ${found.warehouseId}` : 'finds none'} in its place.`,
    { facts: { expected, found: found?.warehouseId ?? '' } },
  );
}

function unknown(found: DestinationState, record: SinkRecord | undefined): SluiceError {
  return new SluiceError(
    'sink.warehouse-unknown',
    `The sink finds warehouse ${found.warehouseId}, filled up to commit ${found.cut?.commitOrdinal ?? 0}, but the sinks topic ${record ? `knows of ${record.warehouse.id} only` : 'has no record of it'}.`,
    { facts: { found: found.warehouseId, recorded: record?.warehouse.id ?? '' } },
  );
}
