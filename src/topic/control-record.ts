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
      /**
       * The rows downstream are those of the source for everything since this sequence: the copy read
       * all of the table after it, and what only downstream had is swept. Absent in records of
       * earlier versions, and for a copy that was not swept.
       */
      readonly covers?: Sequence;
    }
  /**
   * From here on the table is not known to be complete downstream, until a copy that covers this
   * sequence has ended.
   */
  | ({
      readonly kind: 'tableGap';
      readonly seq: Sequence;
      readonly table: TableName;
    } & TableGap)
  /**
   * What happened to columns that rows do not tell, all at once: a name may be closed, or given away
   * by a rename, and taken again by the same statement.
   */
  | ({
      readonly kind: 'columns';
      readonly seq: Sequence;
      readonly table: TableName;
    } & ColumnChanges)
  | { readonly kind: 'truncate'; readonly seq: Sequence; readonly table: TableName }
  /** The source has no such table any more. A truncate of the same transaction comes before it. */
  | { readonly kind: 'tableDropped'; readonly seq: Sequence; readonly table: TableName }
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

/** Why a table is not known to be complete. */
export const TABLE_GAP_CAUSES = [
  /** The configuration left it out. */
  'excluded',
  /** It could not be read, decoded, written or copied. */
  'stopped',
  /** The account may not read it. */
  'invisible',
  /** Its changes were not read for a while, for another reason. */
  'gap',
  /** A statement may have changed stored rows without a row event. */
  'rewritten',
  /** A foreign key may have changed stored rows without a row event. */
  'cascade',
] as const;
export type TableGapCause = (typeof TABLE_GAP_CAUSES)[number];

/** JSON-plain. */
export interface TableGap {
  readonly cause: TableGapCause;
  /** Whether its changes from here on are in its topic; `false` until a later record says otherwise. */
  readonly followed: boolean;
  /** Error code, for `stopped`. */
  readonly code?: string;
  /** For a person. Quotes no value. */
  readonly reason?: string;
}

/** JSON-plain. Names as the source spells them. */
export interface ColumnChanges {
  /** Columns whose values are gone; a later column of such a name is another one. */
  readonly closed: readonly string[];
  readonly renamed: readonly { readonly from: string; readonly to: string }[];
  /** New columns whose stored rows have a constant: JSON text as a row image has it. */
  readonly defaults: readonly { readonly name: string; readonly value: string }[];
}

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
        return { kind, ...common, table, snapshotId: field('snapshotId') };
      case 'snapshotEnd':
        return {
          kind,
          ...common,
          table,
          snapshotId: field('snapshotId'),
          ...(fields['covers'] === undefined ? {} : { covers: sequence('covers') }),
        };
      case 'tableGap':
        return { kind, ...common, table, ...parseTableGap(fields) };
      case 'columns':
        return { kind, ...common, table, ...parseColumnChanges(fields) };
      case 'truncate':
      case 'tableDropped':
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

function parseTableGap(fields: Readonly<Record<string, unknown>>): TableGap {
  const cause = TABLE_GAP_CAUSES.find((known) => known === fields['cause']);
  const { followed, code, reason } = fields;
  if (cause === undefined || typeof followed !== 'boolean') throw new Error('no cause of a gap');
  return {
    cause,
    followed,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
  };
}

function parseColumnChanges(fields: Readonly<Record<string, unknown>>): ColumnChanges {
  const list = (name: string): readonly unknown[] => {
    const value = fields[name];
    if (!Array.isArray(value)) throw new Error(`no list of ${name}`);
    return value;
  };
  const text = (value: unknown): string => {
    if (typeof value !== 'string') throw new Error('a column that is no text');
    return value;
  };
  const member = (value: unknown, name: string): string =>
    text((Object(value) as Readonly<Record<string, unknown>>)[name]);
  return {
    closed: list('closed').map(text),
    renamed: list('renamed').map((each) => ({
      from: member(each, 'from'),
      to: member(each, 'to'),
    })),
    defaults: list('defaults').map((each) => ({
      name: member(each, 'name'),
      value: member(each, 'value'),
    })),
  };
}

function committedAt(us: unknown): Pick<ControlRecord, 'committedAtUs'> {
  if (us === undefined) return {};
  if (typeof us === 'number' && Number.isSafeInteger(us)) return { committedAtUs: us };
  throw new Error('committedAtUs is no time');
}
