import { parseSequence, type Sequence } from '../change/sequence.ts';
import type { SchemaId, TableComments, TableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import { parseComments } from './table-comments.ts';

/**
 * What happened to tables rather than to rows: one record each in the control topic, in the
 * transaction that made it true, in the same sequence as the rows. Sinks act on these alone. JSON-plain.
 */
export type ControlRecord = ControlStatement & {
  /**
   * Microseconds since 1970, never decreasing: commit time of the transaction it happened in, or of
   * the newest one before it.
   */
  readonly committedAtUs?: number;
};

type ControlStatement =
  | {
      readonly kind: 'snapshotBegin';
      readonly seq: Sequence;
      readonly table: TableName;
      readonly snapshotId: string;
    }
  | {
      readonly kind: 'snapshotEnd';
      readonly seq: Sequence;
      readonly table: TableName;
      readonly snapshotId: string;
    }
  | { readonly kind: 'truncate'; readonly seq: Sequence; readonly table: TableName }
  /** Every live key of the table whose newest record is older than `olderThan` is gone from the source. */
  | {
      readonly kind: 'sweep';
      readonly seq: Sequence;
      readonly table: TableName;
      readonly olderThan: Sequence;
    }
  /**
   * Rows from here on have this schema. Also written before the first row of a table, for a table
   * with no rows, and once more when nothing but comments has changed.
   */
  | {
      readonly kind: 'schema';
      readonly seq: Sequence;
      readonly table: TableName;
      readonly schemaId: SchemaId;
      /**
       * All comments on the table, read from the source at this place or later. Without them those
       * of the record before stand.
       */
      readonly comments?: TableComments;
    }
  | {
      readonly kind: 'gap';
      readonly seq: Sequence;
      readonly cause: string;
      /** GTID set before and after; what lies between was never read. */
      readonly from: string;
      readonly to: string;
    };

/** The value of a record of the control topic. */
export function formatControlRecord(record: ControlRecord): string {
  return JSON.stringify(record);
}

/**
 * Reads what {@link formatControlRecord} wrote.
 * @throws {SluiceError} `kafka.record-unreadable`, also for a kind this version does not know
 */
export function parseControlRecord(text: string): ControlRecord {
  try {
    const fields = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const field = (name: string): string => {
      const value = fields[name];
      if (typeof value !== 'string') throw new Error(`no ${name}`);
      return value;
    };
    const sequence = (name: string): Sequence => {
      parseSequence(field(name));
      return field(name) as Sequence;
    };
    const kind = field('kind') as ControlRecord['kind'];
    const common = { seq: sequence('seq'), ...committedAt(fields['committedAtUs']) };
    if (kind === 'gap') {
      return { kind, ...common, cause: field('cause'), from: field('from'), to: field('to') };
    }
    const table = field('table') as TableName;
    switch (kind) {
      case 'snapshotBegin':
      case 'snapshotEnd':
        return { kind, ...common, table, snapshotId: field('snapshotId') };
      case 'truncate':
        return { kind, ...common, table };
      case 'sweep':
        return { kind, ...common, table, olderThan: sequence('olderThan') };
      case 'schema':
        return {
          kind,
          ...common,
          table,
          schemaId: field('schemaId') as SchemaId,
          ...(fields['comments'] === undefined
            ? {}
            : { comments: parseComments(fields['comments']) }),
        };
      default:
        throw new Error(`kind ${String(kind)}`);
    }
  } catch (cause) {
    throw new SluiceError(
      'kafka.record-unreadable',
      'A record of the control topic is not one that this version of Sluice wrote.',
      { cause },
    );
  }
}

function committedAt(us: unknown): Pick<ControlRecord, 'committedAtUs'> {
  if (us === undefined) return {};
  if (typeof us === 'number' && Number.isSafeInteger(us)) return { committedAtUs: us };
  throw new Error('committedAtUs is no time');
}
