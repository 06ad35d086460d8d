import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import type { ErrorCode } from '../errors/catalogue.ts';
import { SluiceError } from '../errors/error.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { Cut, SinkBatch, TableRows } from './destination.ts';

export type ShownCut = Pick<Cut, 'commitOrdinal' | 'lastSequence' | 'committedAtUs'>;

/** Why a table cannot take its next records. */
export interface Obstacle {
  readonly table: TableName;
  readonly topic: Topic;
  readonly code: ErrorCode;
  /** Quotes no value. */
  readonly reason: string;
  /** Of the newest record that may be in the way. */
  readonly seq: Sequence;
  /** What was told of its columns, or that it is gone, has passed it by: its topic alone is not enough. */
  readonly needsSnapshot?: boolean;
  /** Of that record, where one is known. */
  readonly place?: { readonly partition: number; readonly offset: number };
}

/**
 * A stopped table: its offsets, its cut and the deletes of its rows wait, while those of the others
 * move. JSON-plain.
 */
export interface TableStop extends Obstacle {
  /** The cut its views show; absent when it stopped before the first one. */
  readonly cut?: ShownCut;
  /** Its records cannot be taken where they are: only a snapshot leads past them. */
  readonly needsSnapshot: boolean;
  /**
   * What leads past them: nothing that came before `since` is read. A snapshot, at whose end the
   * table goes on; without an id, the drop of the table.
   */
  readonly snapshot?: { readonly id?: string; readonly since: Sequence };
}

export type Stops = ReadonlyMap<TableName, TableStop>;

interface CutState {
  readonly stopped: Stops;
  readonly cut: Cut | undefined;
  /** End of the cut that the warehouse began at, if it began at one. */
  readonly start: Sequence | undefined;
}

/** For a person: what stopped the table, and where. */
export function reasonText(obstacle: Obstacle): string {
  return `${obstacle.code} at ${positionText(obstacle)}: ${obstacle.reason}`;
}

export function positionText({ topic, place, seq }: Obstacle): string {
  const at = place ? `offset ${place.offset} of ${topic} partition ${place.partition}, ` : '';
  return `${at}sequence ${seq}`;
}

/** The cut that the views of a table show. */
export function cutOfTable(
  { stopped, cut }: Pick<CutState, 'stopped' | 'cut'>,
  table: TableName,
): ShownCut | undefined {
  const stop = stopped.get(table);
  return stop ? stop.cut : cut;
}

/**
 * The batch without rows that are not to be stored: those from before the warehouse began, and those
 * of a stopped table that a snapshot brings once more.
 */
export function rowsToStore(
  { stopped, start }: Omit<CutState, 'cut'>,
  batch: SinkBatch,
): SinkBatch {
  if (stopped.size === 0 && start === undefined) return batch;
  const tables = batch.tables.flatMap((part) => {
    const since = stopped.get(part.table)?.snapshot?.since;
    const rows = part.rows.filter(
      ({ seq }) => (since === undefined || seq >= since) && (start === undefined || seq > start),
    );
    return rows.length === 0 ? [] : [{ ...part, rows }];
  });
  return { ...batch, tables };
}

/**
 * All rows of the cut that a table shows were there when it was published.
 * @throws {SluiceError} `sink.behind-watermark`
 */
export function refuseLate(
  state: Pick<CutState, 'stopped' | 'cut'>,
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
