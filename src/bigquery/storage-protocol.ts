import { bytesAt, numberAt, type ProtoField, readFields } from './proto-reader.ts';
import { ProtoWriter } from './proto-writer.ts';
import type { Append, StreamName } from './write-streams.ts';

/**
 * Requests and answers of google.cloud.bigquery.storage.v1.BigQueryWrite, as far as they are used:
 * https://github.com/googleapis/googleapis/tree/master/google/cloud/bigquery/storage/v1
 */
export const WRITE_SERVICE = '/google.cloud.bigquery.storage.v1.BigQueryWrite';

/** Of `WriteStream.Type`. */
const PENDING = 2;

/** Of `StorageError.StorageErrorCode`. */
export const STORAGE_ERRORS = [
  'STORAGE_ERROR_CODE_UNSPECIFIED',
  'TABLE_NOT_FOUND',
  'STREAM_ALREADY_COMMITTED',
  'STREAM_NOT_FOUND',
  'INVALID_STREAM_TYPE',
  'INVALID_STREAM_STATE',
  'STREAM_FINALIZED',
  'SCHEMA_MISMATCH_EXTRA_FIELDS',
  'OFFSET_ALREADY_EXISTS',
  'OFFSET_OUT_OF_RANGE',
] as const;

export type StorageError = (typeof STORAGE_ERRORS)[number];

export function createRequest(parent: string): Buffer {
  const stream = new ProtoWriter().uint(2, PENDING).take();
  return new ProtoWriter().text(1, parent).bytes(2, stream).take();
}

export function createdStream(answer: Uint8Array): StreamName {
  return bytesAt(readFields(answer), 1).at(-1)?.toString() ?? '';
}

/**
 * Put together in one copy: it may be megabytes.
 * @param descriptor  with the first request of a connection, which alone says how rows are read
 */
export function appendRequest(
  stream: StreamName,
  { offset, rows }: Append,
  descriptor: Uint8Array | undefined,
): Buffer {
  const out = new ProtoWriter();
  const serialized = rows.flatMap((row) => [out.head(1, row.length).take(), row]);
  if (descriptor) out.bytes(1, new ProtoWriter().bytes(1, descriptor).take());
  const beforeRows = out.head(2, lengthOf(serialized)).take();
  const data = [beforeRows, ...serialized];
  const wrapped = new ProtoWriter().uint(1, offset).take();
  const head = out.text(1, stream).bytes(2, wrapped).head(4, lengthOf(data)).take();
  return Buffer.concat([head, ...data]);
}

const lengthOf = (parts: readonly Uint8Array[]): number =>
  parts.reduce((length, part) => length + part.length, 0);

export type AppendAnswer =
  | { readonly kind: 'stored'; readonly offset: number }
  | { readonly kind: 'refused'; readonly status: RpcStatus };

/** gRPC's INVALID_ARGUMENT. */
const INVALID_ARGUMENT = 3;

export function appendAnswer(answer: Uint8Array): AppendAnswer {
  const fields = readFields(answer);
  const error = bytesAt(fields, 2).at(-1);
  if (error) return { kind: 'refused', status: rpcStatus(error) };
  const badRows = bytesAt(fields, 4).length;
  if (badRows > 0)
    return { kind: 'refused', status: { code: INVALID_ARGUMENT, storage: undefined } };
  const [result = Buffer.of()] = bytesAt(fields, 1);
  const [offset = Buffer.of()] = bytesAt(readFields(result), 1);
  return { kind: 'stored', offset: Number(numberAt(readFields(offset), 1)) };
}

export function finalizeRequest(stream: StreamName): Buffer {
  return new ProtoWriter().text(1, stream).take();
}

export function finalizedRows(answer: Uint8Array): number {
  return Number(numberAt(readFields(answer), 1));
}

export function commitRequest(parent: string, streams: readonly StreamName[]): Buffer {
  const request = new ProtoWriter().text(1, parent);
  for (const stream of streams) request.text(2, stream);
  return request.take();
}

/** Why streams were not committed; they were, when there is a time of it and no reason. */
export interface CommitAnswer {
  readonly hasTime: boolean;
  readonly errors: readonly StorageError[];
}

export function commitAnswer(answer: Uint8Array): CommitAnswer {
  const fields = readFields(answer);
  return {
    hasTime: bytesAt(fields, 1).length > 0,
    errors: bytesAt(fields, 2).map((error) => storageError(readFields(error))),
  };
}

/** A `google.rpc.Status`: gRPC's own code, and BigQuery's where it says one. Texts are left out, for they may quote values. */
export interface RpcStatus {
  readonly code: number;
  readonly storage: StorageError | undefined;
}

const STORAGE_ERROR_TYPE = 'google.cloud.bigquery.storage.v1.StorageError';

export function rpcStatus(bytes: Uint8Array): RpcStatus {
  const fields = readFields(bytes);
  const details = bytesAt(fields, 3).map((any) => readFields(any));
  const found = details.find((any) =>
    bytesAt(any, 1).at(-1)?.toString().endsWith(`/${STORAGE_ERROR_TYPE}`),
  );
  const [error] = found ? bytesAt(found, 2) : [];
  return {
    code: Number(numberAt(fields, 1)),
    storage: error ? storageError(readFields(error)) : undefined,
  };
}

function storageError(fields: readonly ProtoField[]): StorageError {
  return STORAGE_ERRORS[Number(numberAt(fields, 1))] ?? 'STORAGE_ERROR_CODE_UNSPECIFIED';
}
