import type { ErrorCode } from '../errors/catalogue.ts';
import { SluiceError } from '../errors/error.ts';
import type { RpcStatus, StorageError } from './storage-protocol.ts';

/** gRPC's status codes by number; the codes of the catalogue that they stand for. */
const STATUSES: readonly (readonly [name: string, code: ErrorCode])[] = [
  ['OK', 'bigquery.failed'],
  ['CANCELLED', 'bigquery.unreachable'],
  ['UNKNOWN', 'bigquery.unreachable'],
  ['INVALID_ARGUMENT', 'bigquery.value-refused'],
  ['DEADLINE_EXCEEDED', 'bigquery.unreachable'],
  ['NOT_FOUND', 'bigquery.stream-behind'],
  ['ALREADY_EXISTS', 'bigquery.failed'],
  ['PERMISSION_DENIED', 'bigquery.denied'],
  ['RESOURCE_EXHAUSTED', 'bigquery.rate-limited'],
  ['FAILED_PRECONDITION', 'bigquery.failed'],
  ['ABORTED', 'bigquery.unreachable'],
  ['OUT_OF_RANGE', 'bigquery.failed'],
  ['UNIMPLEMENTED', 'bigquery.failed'],
  ['INTERNAL', 'bigquery.unreachable'],
  ['UNAVAILABLE', 'bigquery.unreachable'],
  ['DATA_LOSS', 'bigquery.failed'],
  ['UNAUTHENTICATED', 'bigquery.no-credentials'],
];

/** BigQuery's own codes, which say more than gRPC's. */
const STORAGE: Partial<Readonly<Record<StorageError, ErrorCode>>> = {
  TABLE_NOT_FOUND: 'bigquery.stream-behind',
  STREAM_NOT_FOUND: 'bigquery.failed',
  INVALID_STREAM_TYPE: 'bigquery.failed',
  SCHEMA_MISMATCH_EXTRA_FIELDS: 'bigquery.stream-behind',
  OFFSET_ALREADY_EXISTS: 'bigquery.failed',
  OFFSET_OUT_OF_RANGE: 'bigquery.failed',
  STREAM_FINALIZED: 'bigquery.failed',
};

/**
 * A request to the Storage Write API that failed, as one somebody can act on.
 * @param doing  what failed: `writing rows of shop.orders`
 */
export function streamFailure(doing: string, { code, storage }: RpcStatus): SluiceError {
  const [status, byStatus] = STATUSES[code] ?? [`status ${code}`, 'bigquery.failed'];
  const reason = storage ?? status;
  const found = (storage && STORAGE[storage]) ?? byStatus;
  return new SluiceError(found, `BigQuery answered ${reason} ${doing}.`, {
    facts: { status, ...(storage ? { reason: storage } : {}) },
  });
}
