import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { TableName } from '../change/table.ts';
import type { TableRows } from '../sink/destination.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { StoredTable } from '../view/stored-table.ts';
import type { RefusedRow } from './commit-script.ts';
import { rowWriter } from './row-line.ts';
import type { Obstacle } from './table-stop.ts';

const compress = promisify(gzip);

/** Level 1 halves the time of the default for a tenth more bytes, and uploads are not billed. */
const GZIP = { level: 1 };

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
  if (onRefused === 'stop' && refused.length > 0) return obstacleOf(refused, topic);
  const file = await compress(Buffer.from(lines.join('')), GZIP);
  return { table: table.name, file, rows: lines.length, refused };
}

/** The newest of the rows is the one to get past. */
function obstacleOf(refused: readonly RefusedRow[], topic: Topic): Obstacle {
  const newest = refused.reduce((last, row) => (row.seq > last.seq ? row : last));
  const { table, seq, partition, offset, reason } = newest;
  const others = refused.length === 1 ? '' : `; and ${refused.length - 1} more rows before it`;
  const place = { partition, offset };
  return { table, topic, code: 'bigquery.row-refused', reason: `${reason}${others}`, seq, place };
}
