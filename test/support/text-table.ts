import { ByteReader } from '../../src/binlog/byte-reader.ts';
import { TYPE } from '../../src/binlog/column-layout.ts';
import type { EventHeader, RowsEvent } from '../../src/binlog/event.ts';
import { decodeRows, rowCodec } from '../../src/binlog/rows.ts';
import type { InvalidTextRule } from '../../src/change/row-settings.ts';
import type { TableSchema } from '../../src/change/table.ts';

const HEADER: EventHeader = { timestampS: 1, type: 30, serverId: 1, size: 1, logPos: 9, flags: 0 };

/** `word` in some charset, `id`, and `note` in utf8mb4. */
export function textTable(charset: string, key: readonly string[] = ['id']): TableSchema {
  const columns = [
    { name: 'word', type: { kind: 'text', charset }, nullable: true },
    { name: 'id', type: { kind: 'integer', bytes: 1, unsigned: true }, nullable: false },
    { name: 'note', type: { kind: 'text', charset: 'utf8mb4' }, nullable: true },
  ] as const;
  const indexOf = (name: string): number => columns.findIndex((column) => column.name === name);
  return { id: { database: 'shop', table: 'texts' }, columns, key: key.map(indexOf) };
}

/** Values as bytes of their columns' charsets. */
export interface TextRow {
  readonly word: Buffer | null;
  readonly id: number;
  readonly note: Buffer | null;
}

/** The columns of a row of a text result, which the log's event of {@link textEvent} has too. */
export const textResult = ({ word, id, note }: TextRow): readonly (Buffer | null)[] => [
  word,
  Buffer.from(String(id)),
  note,
];

/** An event as the log has it; an update has two images a row. */
export function textEvent(
  schema: TableSchema,
  op: RowsEvent['op'],
  images: readonly TextRow[],
  rule: InvalidTextRule,
): RowsEvent {
  const text = { type: TYPE.blob, width: 4, size: 0, scale: 0 };
  const layouts = [text, { type: TYPE.tiny, width: 0, size: 0, scale: 0 }, text];
  const codec = rowCodec({ id: schema.id, columns: layouts, schema, unreadable: undefined }, rule);
  const present = op === 'update' ? [7, 7] : [7];
  const bytes = Buffer.concat([Buffer.from([1, 0, 2, 0, 3, ...present]), ...images.map(imageOf)]);
  const map = { tableId: 1, id: schema.id, schema };
  return decodeRows(HEADER, op, 2, map, codec, new ByteReader(bytes, 0, bytes.length));
}

function imageOf({ word, id, note }: TextRow): Buffer {
  const nulls = (word ? 0 : 1) | (note ? 0 : 4);
  return Buffer.concat([Buffer.from([nulls]), prefixed(word), Buffer.from([id]), prefixed(note)]);
}

function prefixed(value: Buffer | null): Buffer {
  if (!value) return Buffer.alloc(0);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  return Buffer.concat([length, value]);
}
