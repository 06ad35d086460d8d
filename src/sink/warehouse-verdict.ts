import { SluiceError } from '../errors/error.ts';
import type { DestinationState } from './destination.ts';
import type { SinkRecord } from './sink-log.ts';

export type Opening =
  | { readonly kind: 'use'; readonly state: DestinationState }
  /** It is there, and the log has to say so before the first row. */
  | { readonly kind: 'confirm'; readonly state: DestinationState }
  /** `anew`: whatever is there has had its day. */
  | { readonly kind: 'create'; readonly anew: boolean };

/** Whether the newest command to begin with an empty warehouse is still to be carried out. */
export function isRenewalDue(record: SinkRecord | undefined, renewal: string | undefined): boolean {
  return renewal !== undefined && record?.renewal !== renewal;
}

/**
 * What is to be done, from what the log says, what was found and what was asked.
 * @throws {SluiceError} `sink.warehouse-lost` | `sink.warehouse-unknown`
 */
export function decideOpening(
  record: SinkRecord | undefined,
  found: DestinationState | undefined,
  renewal: string | undefined,
): Opening {
  if (isRenewalDue(record, renewal)) return { kind: 'create', anew: true };
  if (record && found?.warehouseId === record.warehouse.id)
    return { kind: record.warehouse.state === 'ready' ? 'use' : 'confirm', state: found };
  if (record?.warehouse.state === 'ready') throw lost(record.warehouse.id, found);
  // A renewal whose attempt died before it had made the warehouse.
  if (record?.renewal !== undefined) return { kind: 'create', anew: true };
  if (!found) return { kind: 'create', anew: false };
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
