import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { TableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { TableRows } from '../sink/destination.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { StoredTable } from '../view/stored-table.ts';
import type { RefusedRow } from './commit-script.ts';
import { rowWriter } from './row-line.ts';

const compress = promisify(gzip);

/** Level 1 halves the time of the default for a tenth more bytes, and uploads are not billed. */
const GZIP = { level: 1 };

/** What becomes of a row that BigQuery would not take: it is put on record, or the sink stops. */
export type OnRefusedRow = 'reject' | 'stop';

export interface LoadFile {
  readonly table: TableName;
  /** NDJSON with gzip. */
  readonly file: Buffer;
  readonly rows: number;
  readonly refused: readonly RefusedRow[];
}

/**
 * The rows of one table, of whatever schemas, as one file.
 * @param topic  where the rows are from
 * @throws {SluiceError} `bigquery.row-refused`
 */
export async function loadFile(
  table: StoredTable,
  parts: readonly TableRows[],
  topic: Topic,
  ingestedAtUs: number,
  onRefused: OnRefusedRow,
): Promise<LoadFile> {
  const lines: string[] = [];
  const refused: RefusedRow[] = [];
  for (const { rows, schema, schemaId } of parts) {
    const write = rowWriter(schema, { ...table, schemaId }, ingestedAtUs);
    for (const row of rows) {
      const written = write(row);
      if (written.kind === 'line') lines.push(written.line);
      else {
        const { seq, op, position, partition, offset } = row;
        const place = { topic, partition, offset, position };
        const { reason } = written;
        refused.push({ table: table.name, seq, op, ...place, schemaId, reason });
      }
    }
  }
  const [first] = refused;
  if (first && onRefused === 'stop')
    throw new SluiceError(
      'bigquery.row-refused',
      `A change of ${table.name} with sequence ${first.seq} (offset ${first.offset} of ${topic} partition ${first.partition}, source position ${first.position}) does not fit into BigQuery: ${first.reason}.`,
      {
        facts: {
          table: table.name,
          seq: first.seq,
          topic,
          partition: first.partition,
          offset: first.offset,
          position: first.position,
          rows: refused.length,
        },
      },
    );
  const file = await compress(Buffer.from(lines.join('')), GZIP);
  return { table: table.name, file, rows: lines.length, refused };
}
