import { unreachable } from '../change/brand.ts';
import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { Cut, SinkBatch, TableRows } from '../sink/destination.ts';
import type { ControlRecord } from '../topic/control-record.ts';
import type { Dialect } from '../view/dialect.ts';
import { massDelete } from '../view/fold-plan.ts';
import { endedGenerations } from '../view/key-generation.ts';
import { META, type StoredTable, type TableStatus } from '../view/stored-table.ts';
import { timestamp } from './bigquery-dialect.ts';
import type { NoticedGap } from './commit-script.ts';
import type { StoredState } from './metadata.ts';
import { isAwaited, type StopChanges } from './move-stops.ts';
import { cutOfTable } from './table-stop.ts';

/** What publishing a cut does beside showing rows. */
export interface BatchEffects {
  readonly pending: readonly ControlRecord[];
  readonly massDeletes: readonly string[];
  /** Tables of the mass deletes, and those whose status changes. */
  readonly statuses: ReadonlyMap<TableName, TableStatus>;
  readonly deletedFrom: ReadonlySet<TableName>;
  readonly gaps: readonly NoticedGap[];
}

/**
 * What the control records that a batch brings and lets through do. Those behind the cut wait, and
 * those of tables that stand still; with the cut that releases a table come all that have waited.
 */
export function batchEffects(
  dialect: Dialect,
  tables: ReadonlyMap<TableName, StoredTable>,
  { pending: waiting, start }: Pick<StoredState, 'pending' | 'start'>,
  { control, cut }: Pick<SinkBatch, 'control' | 'cut'>,
  ingestedAtUs: number,
  stops: StopChanges = NO_STOPS,
): BatchEffects {
  const { stays, released, published } = stops;
  // What happened before the warehouse began happened to rows it does not have.
  const counts = ({ kind, seq }: ControlRecord): boolean =>
    kind !== 'schema' && (start === undefined || seq > start);
  const all = [...waiting, ...control.filter(counts)].filter((record) => {
    const stop = record.kind === 'gap' ? undefined : stays.get(record.table);
    return stop === undefined || isAwaited(stop, record);
  });
  const statuses = new Map<TableName, TableStatus>([
    ...[...released].map(([name, { status }]) => [name, status] as const),
    ...[...stays.keys()].map((name) => [name, 'stopped'] as const),
  ]);
  if (!cut) return { ...NOTHING, pending: all, statuses };
  const massDeletes: string[] = [];
  const deletedFrom = new Set<TableName>();
  const gaps: NoticedGap[] = [];
  const setStatus = (name: TableName, status: TableStatus): void => {
    if (tables.has(name)) statuses.set(name, status);
  };
  const isIncomplete = (name: TableName): boolean =>
    (statuses.get(name) ?? tables.get(name)?.status) === 'incomplete';
  const isBehind = ({ seq }: ControlRecord): boolean => seq > cut.lastSequence;
  const hasStopped = (record: ControlRecord): boolean =>
    record.kind === 'gap' ? stays.size > 0 : stays.has(record.table);
  const isNew = ({ seq }: ControlRecord): boolean => published === undefined || seq > published;
  const ends = keyEnds(tables, stops, cut);
  for (const record of [...all, ...ends].sort((a, b) => (a.seq < b.seq ? -1 : 1))) {
    if (record.kind === 'keyEnd') {
      const table = tables.get(record.table);
      if (!table) continue;
      massDeletes.push(deleteLive(dialect, table, record, cut, ingestedAtUs));
      deletedFrom.add(table.name);
      continue;
    }
    if (isBehind(record) || (record.kind !== 'gap' && hasStopped(record))) continue;
    switch (record.kind) {
      case 'truncate':
      case 'sweep': {
        // A table nothing is known of has no live rows.
        const table = tables.get(record.table);
        if (!table) break;
        massDeletes.push(deleteLive(dialect, table, record, cut, ingestedAtUs));
        deletedFrom.add(table.name);
        break;
      }
      case 'snapshotBegin':
        setStatus(record.table, 'snapshotting');
        break;
      case 'snapshotEnd': {
        const [table, from] = [tables.get(record.table), released.get(record.table)?.snapshot];
        // What was deleted among the records that were not read has no other delete.
        if (table && from?.id === record.snapshotId) {
          const sweep = { ...record, kind: 'sweep', olderThan: from.since } as const;
          massDeletes.push(deleteLive(dialect, table, sweep, cut, ingestedAtUs));
          deletedFrom.add(table.name);
        }
        // The end of one that began before the warehouse did: its first chunks are not here.
        if (!isIncomplete(record.table)) setStatus(record.table, 'consistent');
        break;
      }
      case 'gap':
        for (const name of tables.keys())
          if (!stays.has(name) && (isNew(record) || released.has(name)) && !isIncomplete(name))
            setStatus(name, 'gap');
        if (isNew(record))
          gaps.push({ seq: record.seq, cause: record.cause, from: record.from, to: record.to });
        break;
      case 'schema':
      case 'tableGap':
      case 'columns':
      case 'tableDropped':
        break;
      default:
        unreachable(record);
    }
  }
  const pending = all.filter((record) => isBehind(record) || hasStopped(record));
  return { pending, massDeletes, statuses, deletedFrom, gaps };
}

const NO_STOPS: StopChanges = {
  stays: new Map(),
  released: new Map(),
  skipping: [],
  published: undefined,
};

const NOTHING: BatchEffects = {
  pending: [],
  massDeletes: [],
  statuses: new Map(),
  deletedFrom: new Set(),
  gaps: [],
};

/** Where all live rows of a table end because its key changes. */
interface KeyEnd {
  readonly kind: 'keyEnd';
  readonly table: TableName;
  readonly seq: Sequence;
  readonly committedAtUs?: number;
}

function keyEnds(
  tables: ReadonlyMap<TableName, StoredTable>,
  { stays, released, published }: StopChanges,
  cut: Cut,
): readonly KeyEnd[] {
  return [...tables.values()].flatMap((table) => {
    if (stays.has(table.name)) return [];
    const stop = released.get(table.name);
    const from = stop ? stop.cut?.lastSequence : published;
    return endedGenerations(table, from, cut.lastSequence).map(({ upTo: seq, endedAtUs }) => ({
      ...{ kind: 'keyEnd' as const, table: table.name, seq },
      ...(endedAtUs === undefined ? {} : { committedAtUs: endedAtUs }),
    }));
  });
}

function deleteLive(
  dialect: Dialect,
  table: StoredTable,
  record: Extract<ControlRecord, { kind: 'truncate' | 'sweep' }> | KeyEnd,
  cut: Cut,
  ingestedAtUs: number,
): string {
  return massDelete(dialect, table, {
    seq: record.seq,
    olderThan: record.kind === 'sweep' ? record.olderThan : undefined,
    committedAt: committedAtOf(dialect, table, record, cut),
    ingestedAt: timestamp(ingestedAtUs),
  });
}

/**
 * Of a record without a commit time the table's changes have one: that of the first one behind the
 * record, or of the cut when there is none, keeps times in the order of sequences.
 */
function committedAtOf(
  dialect: Dialect,
  table: StoredTable,
  { committedAtUs, seq }: Pick<ControlRecord, 'seq' | 'committedAtUs'>,
  cut: Cut,
): string {
  if (committedAtUs !== undefined) return timestamp(committedAtUs);
  const since = dialect.committedSince('c', table.watermarkAtUs);
  const next =
    `SELECT MIN(c.${META.committedAt}) FROM ${dialect.changes(table)} AS c` +
    ` WHERE c.${META.seq} > ${dialect.sequence(seq)}${since}`;
  return `COALESCE((${next}), ${timestamp(cut.committedAtUs)})`;
}

/** Rows of the cut that a table shows have all been there when it was published. */
export function refuseLate(
  state: Pick<StoredState, 'cut' | 'stopped'>,
  { table, rows }: TableRows,
): void {
  const published = cutOfTable(state, table)?.lastSequence;
  const late = published === undefined ? undefined : rows.find(({ seq }) => seq <= published);
  if (late)
    throw new SluiceError(
      'sink.behind-watermark',
      `A change of ${table} with sequence ${late.seq} (source position ${late.position}) arrived after the cut ${published} was published.`,
      { facts: { table, seq: late.seq, position: late.position, cut: published ?? '' } },
    );
}
