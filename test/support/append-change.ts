import type { RowValues } from '../../src/change/column-value.ts';
import { sequencePrefix } from '../../src/change/sequence.ts';
import { InvariantBroken } from '../../src/errors/error.ts';
import { NEW_KEY_HEADER, OLD_KEY_HEADER, type TableRoute } from '../../src/topic/envelope.ts';
import { partitionOf } from '../../src/topic/partition.ts';
import {
  COMMITTED_AT_HEADER,
  type OutgoingBatch,
  SCHEMA_HEADER,
  SEQUENCE_HEADER,
} from '../../src/topic/publisher.ts';
import {
  committedAtHeader,
  pieceText,
  type SourceBlock,
  sourcePieces,
} from '../../src/topic/source-block.ts';
import { encodeKey, encodeRow } from './row-json.ts';

export interface ChangeContext {
  readonly epoch: number;
  readonly commitOrdinal: number;
  /** Counts every row of the transaction, captured or not. */
  readonly rowOrdinal: number;
  readonly op: 'c' | 'u' | 'd' | 'r';
  readonly source: SourceBlock;
  /** `source.row`: index of the row within its event. */
  readonly rowInEvent: number;
  /** Of the Kafka records. */
  readonly timestampMs: number;
}

/** `before` for update and delete, `after` for all but delete. */
export interface Change {
  readonly before: RowValues | undefined;
  readonly after: RowValues | undefined;
}

type Header = readonly [name: string, value: string];

/**
 * Appends the records of one row change, made of values and texts one step after the other: what
 * the records that are written as bytes are held against.
 *
 * @throws {SluiceError} `kafka.record-too-large`; records of the same change may then be in the batch already
 */
export function appendChange(
  batch: Pick<OutgoingBatch, 'append'>,
  route: TableRoute,
  change: Change,
  context: ChangeContext,
): void {
  switch (context.op) {
    case 'c':
    case 'r': {
      const after = imageOf(change.after, route);
      const key = encodeKey(route.schema, after);
      const value = envelope('null', encodeRow(route.schema, after), context, context.op);
      append(batch, route, context, key, value, headersOf(route, context, 1));
      return;
    }
    case 'u':
      appendUpdate(
        batch,
        route,
        imageOf(change.before, route),
        imageOf(change.after, route),
        context,
      );
      return;
    case 'd': {
      const before = imageOf(change.before, route);
      const key = encodeKey(route.schema, before);
      const row = encodeRow(route.schema, before);
      appendDelete(batch, route, context, key, row, headersOf(route, context, 1));
      return;
    }
  }
}

function appendUpdate(
  batch: Pick<OutgoingBatch, 'append'>,
  route: TableRoute,
  before: RowValues,
  after: RowValues,
  context: ChangeContext,
): void {
  const { schema } = route;
  const oldKey = encodeKey(schema, before);
  const newKey = encodeKey(schema, after);
  const oldRow = encodeRow(schema, before);
  const newRow = encodeRow(schema, after);
  if (oldKey === null || newKey === null || oldKey === newKey) {
    const value = envelope(oldRow, newRow, context, 'u');
    append(batch, route, context, newKey, value, headersOf(route, context, 1));
    return;
  }
  const newKeyHeader: Header = [NEW_KEY_HEADER, newKey];
  const oldKeyHeader: Header = [OLD_KEY_HEADER, oldKey];
  appendDelete(batch, route, context, oldKey, oldRow, headersOf(route, context, 0), newKeyHeader);
  const created = envelope('null', newRow, context, 'c');
  const headers = [...headersOf(route, context, 1), oldKeyHeader];
  append(batch, route, context, newKey, created, headers);
}

/** The delete and its tombstone, which repeats the delete's sequence. */
function appendDelete(
  batch: Pick<OutgoingBatch, 'append'>,
  route: TableRoute,
  context: ChangeContext,
  key: string | null,
  row: string,
  headers: readonly Header[],
  extra?: Header,
): void {
  const deleted = envelope(row, 'null', context, 'd');
  append(batch, route, context, key, deleted, extra ? [...headers, extra] : headers);
  if (key !== null) append(batch, route, context, key, null, headers);
}

function append(
  batch: Pick<OutgoingBatch, 'append'>,
  { topic, partitions }: TableRoute,
  { timestampMs }: ChangeContext,
  key: string | null,
  value: string | null,
  headers: readonly Header[],
): void {
  const partition = partitionOf(key, partitions);
  batch.append({ topic, partition, key, value, headers, timestampMs });
}

function envelope(
  before: string,
  after: string,
  { source, rowInEvent }: ChangeContext,
  op: ChangeContext['op'],
): string {
  const { head, tail, end } = sourcePieces(source);
  const text = (pieces: typeof head): string => pieces.map(pieceText).join('');
  return `{"before":${before},"after":${after}${text(head)}${rowInEvent}${tail}${op}${text(end)}`;
}

const HEX = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).toUpperCase().padStart(2, '0'),
);

function hexOf(byte: number): string {
  return HEX[byte & 255] ?? '';
}

let latestEpoch = -1;
let latestOrdinal = -1;
let latestPrefix = '';

/** {@link formatSequence}, with the part that a transaction's rows share made once. */
function sequenceOf({ epoch, commitOrdinal, rowOrdinal }: ChangeContext, part: 0 | 1): string {
  if (epoch !== latestEpoch || commitOrdinal !== latestOrdinal) {
    latestPrefix = sequencePrefix(epoch, commitOrdinal);
    latestEpoch = epoch;
    latestOrdinal = commitOrdinal;
  }
  const row = 2 * rowOrdinal + part;
  return latestPrefix + hexOf(row >>> 24) + hexOf(row >>> 16) + hexOf(row >>> 8) + hexOf(row);
}

let latestRoute: TableRoute | undefined;
let latestSchemaHeader: Header = [SCHEMA_HEADER, ''];

function headersOf(route: TableRoute, context: ChangeContext, part: 0 | 1): readonly Header[] {
  if (route !== latestRoute) {
    latestSchemaHeader = [SCHEMA_HEADER, route.schemaId];
    latestRoute = route;
  }
  const sequence: Header = [SEQUENCE_HEADER, sequenceOf(context, part)];
  const committedAt = committedAtHeader(context.source);
  return committedAt === undefined
    ? [sequence, latestSchemaHeader]
    : [sequence, latestSchemaHeader, [COMMITTED_AT_HEADER, committedAt]];
}

function imageOf(values: RowValues | undefined, { schema }: TableRoute): RowValues {
  if (values) return values;
  throw new InvariantBroken(`change of ${schema.id.database}.${schema.id.table} lacks a row image`);
}
