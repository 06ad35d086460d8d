import type { TableId, TableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { SinkBatch } from '../sink/destination.ts';
import type { Obstacle, Stops } from '../sink/table-stop.ts';
import { type EvolutionRules, follow } from './evolve-table.ts';
import { type FormChange, formChanges } from './form-change.ts';
import { KnownTables } from './known-tables.ts';
import type { StoredTable } from './stored-table.ts';

export interface FollowableForms {
  /** What changes the form of tables, oldest first. */
  readonly changes: readonly FormChange[];
  /** One for each table that cannot follow, and those that were met already. */
  readonly obstacles: readonly Obstacle[];
}

type TopicOf = (id: TableId) => Obstacle['topic'];

interface KnownForms {
  readonly tables: readonly StoredTable[];
  readonly stopped: Stops;
}

/**
 * The changes of form in a batch that the warehouse can follow, before anything is done. A stopped
 * table follows them as well: the control topic does not wait for it, and its rows have their places
 * by their own sequences when they come. Nothing is made for a table whose first schema has no form;
 * one that is new gets the form it has before its obstacle.
 *
 * @param met  obstacles that an attempt with the same batch has met
 */
export function followableForms(
  rules: EvolutionRules,
  topicOf: TopicOf,
  { tables, stopped }: KnownForms,
  batch: SinkBatch,
  met: readonly Obstacle[] = [],
): FollowableForms {
  const known = new KnownTables(tables, rules);
  const old = new Set(tables.map(({ name }) => name));
  const obstacles = new Map(met.map((obstacle) => [obstacle.table, obstacle]));
  const changes = formChanges(batch).filter((change) => {
    const obstacle = obstacles.get(change.table);
    if (obstacle && !old.has(change.table) && change.since >= obstacle.seq) return false;
    const newly = obstacleTo(rules, topicOf, known, change);
    if (newly && !obstacle && !isLeftOut(stopped, batch, change.table))
      obstacles.set(newly.table, newly);
    return newly === undefined;
  });
  return { changes, obstacles: [...obstacles.values()] };
}

/** Follows the change, or says why that cannot be. */
function obstacleTo(
  rules: EvolutionRules,
  topicOf: TopicOf,
  known: KnownTables,
  change: FormChange,
): Obstacle | undefined {
  try {
    follow(rules, known, change);
    return undefined;
  } catch (error) {
    const id = change.kind === 'schema' ? change.schema.id : known.get(change.table)?.id;
    if (!(error instanceof SluiceError) || !id) throw error;
    const { code, message: reason } = error;
    return { table: change.table, topic: topicOf(id), code, reason, seq: change.since };
  }
}

function isLeftOut(stopped: Stops, { without }: SinkBatch, table: TableName): boolean {
  const stop = stopped.get(table);
  return stop !== undefined && (without?.includes(stop.topic) ?? false);
}
