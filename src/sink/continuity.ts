import { unreachable } from '../change/brand.ts';
import { BEFORE_ALL, type Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import type { ControlRecord, TableGapCause } from '../topic/control-record.ts';
import { reasonText, type Stops, type TableStop } from './table-stop.ts';

/**
 * What people are told of a table. Only a consistent table is covered by the promise of whole
 * transactions. An incomplete one lacks rows from before the warehouse began; a stopped one is at an
 * earlier cut than the others, or its changes are not in the topics.
 */
export type TableStatus = 'consistent' | 'incomplete' | 'snapshotting' | 'gap' | 'stopped';

/**
 * The facts that a table's status is derived from, stored in the warehouse beside the table. They
 * follow every control record once, when a cut that covers it is published, also while the table
 * itself is stopped. JSON-plain.
 */
export interface Continuity {
  /** Sequence of the first record that named the table; a gap before it does not concern the table. */
  readonly since?: Sequence;
  /** The latest break: from here on the table is not known to be complete. */
  readonly brokenSince?: Sequence;
  /** Commit time of the break, microseconds since 1970, where it is known. */
  readonly brokenAtUs?: number;
  /** Why the table's changes are not in the topics, and since when. */
  readonly notFollowed?: NotFollowed;
  /** The copy that has begun and not ended. Without an id any end is its own. */
  readonly copying?: { readonly snapshotId?: string; readonly since: Sequence };
  /** The source has no such table since then. */
  readonly goneSince?: Sequence;
}

interface NotFollowed {
  readonly cause: TableGapCause;
  readonly since: Sequence;
  readonly atUs?: number;
  readonly code?: string;
  readonly reason?: string;
}

/** What `_cdc_status` says of a table. JSON-plain. */
export interface Standing {
  readonly status: TableStatus;
  /** Since when the table is not consistent. */
  readonly since?: Sequence;
  readonly sinceUs?: number;
  /** Of a stopped table. */
  readonly code?: string;
  readonly reason?: string;
}

export type ContinuityMap = ReadonlyMap<TableName, Continuity>;

/** How a table stands; `undefined` for one that the source does not have any more. */
export function standingOf(
  facts: Continuity,
  stop: TableStop | undefined,
  warehouseStart: Sequence | undefined,
): Standing | undefined {
  const { brokenSince, brokenAtUs, notFollowed, copying, goneSince } = facts;
  if (goneSince !== undefined) return undefined;
  if (stop) {
    const { code, cut } = stop;
    const shown = cut ? { since: cut.lastSequence, sinceUs: cut.committedAtUs } : {};
    return { status: 'stopped', ...shown, code, reason: reasonText(stop) };
  }
  if (notFollowed) {
    const { cause, since, atUs, code = cause, reason } = notFollowed;
    return { status: 'stopped', ...timed(since, atUs), code, ...(reason ? { reason } : {}) };
  }
  const broken = brokenSince === undefined ? {} : timed(brokenSince, brokenAtUs);
  if (copying) return { status: 'snapshotting', since: copying.since, ...broken };
  if (brokenSince === undefined) return { status: 'consistent' };
  const isOlder = warehouseStart !== undefined && brokenSince <= warehouseStart;
  return { status: isOlder ? 'incomplete' : 'gap', ...broken };
}

function timed(since: Sequence, atUs: number | undefined): Pick<Standing, 'since' | 'sinceUs'> {
  return { since, ...(atUs === undefined ? {} : { sinceUs: atUs }) };
}

/**
 * The facts of a table that a warehouse meets for the first time.
 *
 * @param known  what control records have said of it before
 * @param since  sequence of the first record with a schema of the table
 * @param isAnnounced  whether that is a control record, which comes before the first row
 */
export function firstFacts(
  known: Continuity | undefined,
  since: Sequence,
  isAnnounced: boolean,
  warehouseStart: Sequence | undefined,
): Continuity {
  const facts = { since, ...known };
  // A warehouse that began at a cut has all of a table only if it saw the table begin.
  const isYounger = warehouseStart === undefined || (isAnnounced && since > warehouseStart);
  return isYounger ? facts : brokenAt(facts, warehouseStart, undefined);
}

/** Tells whether a control record of the batch announces a schema of a table at a sequence. */
export function announcements(
  control: readonly ControlRecord[],
): (table: TableName, seq: Sequence) => boolean {
  const announced = new Set(
    control.flatMap(({ kind, seq, ...record }) =>
      kind === 'schema' && 'table' in record ? [`${seq} ${record.table}`] : [],
    ),
  );
  return (table, seq) => announced.has(`${seq} ${table}`);
}

/** A break. An earlier one that is on record already says less. */
export function brokenAt(facts: Continuity, seq: Sequence, atUs: number | undefined): Continuity {
  if (facts.brokenSince !== undefined && facts.brokenSince >= seq) return facts;
  const { brokenAtUs: _, ...others } = facts;
  return { ...others, brokenSince: seq, ...(atUs === undefined ? {} : { brokenAtUs: atUs }) };
}

/** The table is complete for everything since `covers`. A break after it stands. */
export function mendedBy(facts: Continuity, covers: Sequence): Continuity {
  const { brokenSince, brokenAtUs: _, ...mended } = facts;
  return brokenSince !== undefined && covers >= brokenSince ? mended : facts;
}

/** What the ends of copies among some control records cover. */
export class CopyEnds {
  /** By table and commit ordinal. */
  readonly #swept: ReadonlyMap<string, Sequence>;

  constructor(records: readonly ControlRecord[]) {
    this.#swept = new Map(
      records.flatMap((record) =>
        record.kind === 'sweep' ? [[commitOf(record), record.olderThan] as const] : [],
      ),
    );
  }

  /**
   * What the copy of a table covers that ends with a record; `undefined` for one that was given up,
   * and for every other record. Earlier versions said it with the sweep of the same commit alone.
   */
  covered(record: ControlRecord): Sequence | undefined {
    if (record.kind !== 'snapshotEnd') return undefined;
    return record.covers ?? this.#swept.get(commitOf(record));
  }
}

const commitOf = ({ table, seq }: { readonly table: TableName; readonly seq: Sequence }): string =>
  `${seq.slice(0, seq.lastIndexOf('/'))} ${table}`;

/**
 * The facts after a control record; the same object when it changes none.
 *
 * @param covered  what the copy covers that ends with it, if one does
 */
export function afterRecord(
  facts: Continuity,
  record: ControlRecord,
  covered: Sequence | undefined,
): Continuity {
  const { seq, committedAtUs: atUs } = record;
  switch (record.kind) {
    case 'snapshotBegin':
      return { ...facts, copying: { snapshotId: record.snapshotId, since: seq } };
    case 'snapshotEnd':
      return afterCopy(facts, record.snapshotId, covered);
    case 'tableGap': {
      const { cause, followed, code, reason } = record;
      // Capture says this of a table that is there: one that was dropped has been made again.
      const { notFollowed: _, ...broken } = brokenAt(returned(facts, seq), seq, atUs);
      if (followed) return broken;
      const why = { ...(code === undefined ? {} : { code }), ...(reason ? { reason } : {}) };
      const notFollowed = { cause, since: seq, ...(atUs === undefined ? {} : { atUs }), ...why };
      return { ...broken, notFollowed };
    }
    case 'gap': {
      // Of a table that is not there nothing is missed; one made in the meantime has a tableGap.
      const isOfTable = facts.goneSince === undefined && (facts.since ?? seq) <= seq;
      return isOfTable ? brokenAt(facts, seq, atUs) : facts;
    }
    case 'tableDropped':
      return { goneSince: seq };
    case 'schema':
      return returned(facts, seq);
    case 'truncate':
    case 'sweep':
    case 'columns':
      return facts;
    default:
      return unreachable(record);
  }
}

/** A table made again under the name of one that was dropped begins with what was said since. */
export function returned(facts: Continuity, seq: Sequence): Continuity {
  const { goneSince, ...others } = facts;
  return goneSince === undefined || seq < goneSince ? facts : { ...others, since: seq };
}

function afterCopy(
  facts: Continuity,
  snapshotId: string,
  covers: Sequence | undefined,
): Continuity {
  const { copying, ...others } = covers === undefined ? facts : mendedBy(facts, covers);
  const isOwn = copying?.snapshotId === undefined || copying.snapshotId === snapshotId;
  if (!copying || isOwn || covers !== undefined) return others;
  return { ...others, copying };
}

/**
 * The facts behind a status that an earlier version stored. A break has no place on record there, and
 * what a table was before its copy began is not known: only a copy with a sweep mends it.
 */
export function factsOfStatus(status: string): Continuity {
  switch (status) {
    case 'consistent':
      return {};
    case 'snapshotting':
      return { brokenSince: BEFORE_ALL, copying: { since: BEFORE_ALL } };
    default:
      return { brokenSince: BEFORE_ALL };
  }
}

/** What statuses depend on. */
export interface StatusFacts {
  readonly continuity: ContinuityMap;
  readonly stopped: Stops;
  readonly start: Sequence | undefined;
}

export interface StandingChange {
  readonly table: TableName;
  readonly facts: Continuity;
  /** `undefined` for a table that is not to be listed. */
  readonly standing: Standing | undefined;
  /** Whether nothing was on record of the table. */
  readonly isNew: boolean;
}

/** The tables whose facts or status differ between two states of a warehouse, in the order of their names. */
export function standingChanges(from: StatusFacts, to: StatusFacts): readonly StandingChange[] {
  const moved = [...to.continuity].filter(([name, facts]) => from.continuity.get(name) !== facts);
  const names = new Set([
    ...moved.map(([name]) => name),
    ...from.stopped.keys(),
    ...to.stopped.keys(),
  ]);
  return [...names].sort().flatMap((table) => {
    const [before, facts = {}] = [from.continuity.get(table), to.continuity.get(table)];
    const standing = standingOf(facts, to.stopped.get(table), to.start);
    const known = before && standingOf(before, from.stopped.get(table), from.start);
    const isSame = before !== undefined && text(before, known) === text(facts, standing);
    return isSame ? [] : [{ table, facts, standing, isNew: before === undefined }];
  });
}

const text = (facts: Continuity, standing: Standing | undefined): string =>
  JSON.stringify([facts, standing]);
