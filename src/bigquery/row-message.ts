import type { TableSchema } from '../change/table.ts';
import { InvariantBroken } from '../errors/error.ts';
import type { ChangeRow } from '../sink/destination.ts';
import { META, type StoredTable } from '../view/stored-table.ts';
import type { WrittenRow } from './load-file.ts';
import { ProtoWriter } from './proto-writer.ts';
import type { RowField } from './row-fields.ts';
import { hasHalfCharacter, rowReader } from './row-values.ts';

/** A request holds less than 10 MB, and some of them are not the row's. */
const MAX_MESSAGE_BYTES = 9_500_000;

/**
 * Writes rows of a schema as messages for a stream into the table as it is stored.
 * @param fields  of the table
 */
export function messageWriter(
  schema: TableSchema,
  table: StoredTable,
  fields: readonly RowField[],
  ingestedAtUs: number,
): (row: ChangeRow) => WrittenRow<Buffer> {
  const read = rowReader(schema, table);
  const byName = new Map(fields.map((field) => [field.name, field]));
  const fieldOf = (name: string): RowField => {
    const field = byName.get(name);
    if (field) return field;
    throw new InvariantBroken(`column ${name} of ${table.name} is no field of its rows`);
  };
  const meta = {
    seq: fieldOf(META.seq).number,
    op: fieldOf(META.op).number,
    committedAt: fieldOf(META.committedAt).number,
    ingestedAt: fieldOf(META.ingestedAt).number,
    position: fieldOf(META.position).number,
    schemaId: fieldOf(META.schemaId).number,
    inexact: fieldOf(META.inexact).number,
  };
  const out = new ProtoWriter();
  return (change) => {
    const { seq, op, committedAtUs, position } = change;
    if (hasHalfCharacter(change.row))
      return { kind: 'refused', reason: 'a text holds half of a UTF-16 surrogate pair' };
    const inexact = read(change, (name, written) => fieldOf(name).write(out, written));
    out.text(meta.seq, seq).text(meta.op, op);
    out.int64(meta.committedAt, BigInt(committedAtUs));
    out.int64(meta.ingestedAt, BigInt(ingestedAtUs));
    out.text(meta.position, position).text(meta.schemaId, table.schemaId);
    if (inexact !== '') out.text(meta.inexact, `{${inexact}}`);
    const message = out.take();
    return message.length <= MAX_MESSAGE_BYTES
      ? { kind: 'written', row: message }
      : {
          kind: 'refused',
          reason: `the row takes more than ${MAX_MESSAGE_BYTES} bytes in a stream`,
        };
  };
}
