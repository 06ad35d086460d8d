import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import type { ErrorCode } from '../errors/catalogue.ts';
import type { Cut } from '../sink/destination.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { TableStatus } from '../view/stored-table.ts';

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
  /** Of that record, where one is known. */
  readonly place?: { readonly partition: number; readonly offset: number };
}

/**
 * A table that stands still: its offsets, its cut and what happens to it wait, while those of the
 * others move. JSON-plain.
 */
export interface TableStop extends Obstacle {
  /** Where its views stand; absent when it stopped before the first cut. */
  readonly cut?: ShownCut;
  /** What it is again when it goes on. */
  readonly status: TableStatus;
  /** Its records cannot be taken where they are: only a snapshot leads past them. */
  readonly needsSnapshot: boolean;
  /** The snapshot that leads past: what came before it is not read. */
  readonly snapshot?: { readonly id: string; readonly since: Sequence };
}

export type Stops = ReadonlyMap<TableName, TableStop>;

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
  { stopped, cut }: { readonly stopped: Stops; readonly cut: Cut | undefined },
  table: TableName,
): ShownCut | undefined {
  const stop = stopped.get(table);
  return stop ? stop.cut : cut;
}
