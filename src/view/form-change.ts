import type { Sequence } from '../change/sequence.ts';
import {
  type SchemaId,
  type TableComments,
  type TableName,
  type TableSchema,
  tableName,
} from '../change/table.ts';
import { InvariantBroken } from '../errors/error.ts';
import type { SinkBatch, TableRows } from '../sink/destination.ts';

type ControlRecord = SinkBatch['control'][number];

/** What changes the form that a table has. */
export type FormChange = SchemaUse | ColumnChange | TableDrop;

export interface SchemaUse {
  readonly kind: 'schema';
  readonly table: TableName;
  readonly schemaId: SchemaId;
  readonly schema: TableSchema;
  /** Sequence of a record that has it. */
  readonly since: Sequence;
  /** Whether the record is a row, and so of the form itself, and not what comes before all rows of it. */
  readonly isRow?: true;
  readonly committedAtUs?: number;
  /** All comments on the table, when the record brings them. */
  readonly comments?: TableComments;
}

export type ColumnChange = Pick<
  Extract<ControlRecord, { kind: 'columns' }>,
  'kind' | 'table' | 'closed' | 'renamed' | 'defaults'
> & { readonly since: Sequence };

export interface TableDrop {
  readonly kind: 'tableDropped';
  readonly table: TableName;
  readonly since: Sequence;
}

/**
 * Every change of a table's form that the batch speaks of, oldest first: a schema where a record or
 * the first row has it, once more behind what happened to columns meanwhile.
 */
export function formChanges({ tables, control, schemas }: SinkBatch): readonly FormChange[] {
  const recorded = control.flatMap((record): FormChange[] => {
    const { seq: since } = record;
    if (record.kind === 'schema') return [announced(record, schemas)];
    if (record.kind === 'columns') {
      const { kind, table, closed, renamed, defaults } = record;
      return [{ kind, table, since, closed, renamed, defaults }];
    }
    return record.kind === 'tableDropped'
      ? [{ kind: record.kind, table: record.table, since }]
      : [];
  });
  const used = tables.flatMap((rows) => usesOf(rows, control));
  return [...recorded, ...used].sort((a, b) => compare(a.since, b.since) || order(a) - order(b));
}

function announced(
  { schemaId, comments, committedAtUs, seq: since }: Extract<ControlRecord, { kind: 'schema' }>,
  schemas: SinkBatch['schemas'],
): SchemaUse {
  const schema = schemas.get(schemaId);
  if (!schema) throw new InvariantBroken(`schema ${schemaId} is not in the batch`);
  return {
    ...{ kind: 'schema', table: tableName(schema.id), schemaId, schema, since },
    ...(comments ? { comments } : {}),
    ...(committedAtUs === undefined ? {} : { committedAtUs }),
  };
}

/** The first row of a schema, and the first one behind each change of columns. */
function usesOf(
  { table, schemaId, schema, rows }: TableRows,
  control: readonly ControlRecord[],
): readonly SchemaUse[] {
  const changes = control.filter(
    (record) =>
      (record.kind === 'columns' || record.kind === 'tableDropped') && record.table === table,
  );
  const partOf = (seq: Sequence): number =>
    changes.length === 0 ? 0 : changes.filter((change) => change.seq <= seq).length;
  const least = new Map<number, Sequence>();
  for (const { seq } of rows) {
    const part = partOf(seq);
    const known = least.get(part);
    if (known === undefined || seq < known) least.set(part, seq);
  }
  return [...least.values()].map((since) => ({
    kind: 'schema',
    table: tableName(schema.id),
    schemaId,
    schema,
    since,
    isRow: true,
  }));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Of one sequence, what happened to columns comes before the schema that it led to. */
const order = ({ kind }: FormChange): number => (kind === 'schema' ? 1 : 0);
