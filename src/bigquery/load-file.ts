import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { TableName } from '../change/table.ts';
import type { ChangeRow, TableRows } from '../sink/destination.ts';
import type { Obstacle } from '../sink/table-stop.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { StoredTable } from '../view/stored-table.ts';
import type { RefusedRow } from './commit-script.ts';
import { rowWriter } from './row-line.ts';

/** Level 1 halves the time of the default for a tenth more bytes, and uploads are not billed. */
const GZIP = { level: 1 };
/** Handed to the compressor at a time: all rows together may be longer than a text can be. */
const PIECE_CHARS = 1 << 20;

/** What becomes of a row that BigQuery would not take: it is put on record, or its table stops. */
export type OnRefusedRow = 'reject' | 'stop';

export interface LoadFile {
  readonly table: TableName;
  /** NDJSON with gzip. */
  readonly file: Buffer;
  readonly rows: number;
  readonly refused: readonly RefusedRow[];
}

/**
 * The rows of one table, of whatever schemas, as one file; or why the table stops.
 * @param topic  where the rows are from
 */
export async function loadFile(
  table: StoredTable,
  parts: readonly TableRows[],
  topic: Topic,
  ingestedAtUs: number,
  onRefused: OnRefusedRow,
): Promise<LoadFile | Obstacle> {
  const made = writeRows(table, parts, topic, onRefused, (part) => {
    const write = rowWriter(part.schema, { ...table, schemaId: part.schemaId }, ingestedAtUs);
    return (row) => {
      const written = write(row);
      return written.kind === 'line' ? { kind: 'written', row: written.line } : written;
    };
  });
  if ('code' in made) return made;
  const file = await compressed(made.rows);
  return { table: table.name, file, rows: made.rows.length, refused: made.refused };
}

async function compressed(lines: readonly string[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await pipeline(Readable.from(piecesOf(lines)), createGzip(GZIP), async (source) => {
    for await (const chunk of source as AsyncIterable<Buffer>) chunks.push(chunk);
  });
  return Buffer.concat(chunks);
}

function* piecesOf(lines: readonly string[]): Iterable<string> {
  let piece = '';
  for (const line of lines) {
    piece += line;
    if (piece.length < PIECE_CHARS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

export interface WrittenRows<Row> {
  readonly rows: readonly Row[];
  readonly refused: readonly RefusedRow[];
}

/** The row as it is sent, or why BigQuery would not take it. The reason quotes no value. */
export type WrittenRow<Row> =
  | { readonly kind: 'written'; readonly row: Row }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * The rows of one table as they are sent, in order, without those that are put on record instead.
 * @param topic  where the rows are from
 * @param writer  for the rows of one schema
 */
export function writeRows<Row>(
  table: StoredTable,
  parts: readonly TableRows[],
  topic: Topic,
  onRefused: OnRefusedRow,
  writer: (part: TableRows) => (row: ChangeRow) => WrittenRow<Row>,
): WrittenRows<Row> | Obstacle {
  const written: Row[] = [];
  const refused: RefusedRow[] = [];
  for (const part of parts) {
    const write = writer(part);
    const { schemaId } = part;
    for (const row of part.rows) {
      const one = write(row);
      if (one.kind === 'written') written.push(one.row);
      else {
        const { seq, op, position, partition, offset } = row;
        const place = { topic, partition, offset, position };
        refused.push({ table: table.name, seq, op, ...place, schemaId, reason: one.reason });
      }
    }
  }
  if (onRefused === 'stop' && refused.length > 0) return obstacleOf(refused, topic);
  return { rows: written, refused };
}

/** The newest of the rows is the one to get past. */
function obstacleOf(refused: readonly RefusedRow[], topic: Topic): Obstacle {
  const newest = refused.reduce((last, row) => (row.seq > last.seq ? row : last));
  const { table, seq, partition, offset, reason } = newest;
  const others = refused.length === 1 ? '' : `; and ${refused.length - 1} more rows before it`;
  const place = { partition, offset };
  return { table, topic, code: 'bigquery.row-refused', reason: `${reason}${others}`, seq, place };
}
