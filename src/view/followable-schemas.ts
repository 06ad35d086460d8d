import { type TableId, type TableName, type TableSchema, tableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { SinkBatch } from '../sink/destination.ts';
import type { Obstacle, Stops } from '../sink/table-stop.ts';
import { type EvolutionRules, type SchemaUse, schemaUses, tableFor } from './evolve-table.ts';
import type { StoredTable } from './stored-table.ts';

export interface FollowableSchemas {
  /** What tables are to be brought into the form for, oldest first. */
  readonly uses: readonly SchemaUse[];
  /** One for each table that cannot be, and those that were met already. */
  readonly obstacles: readonly Obstacle[];
}

type TopicOf = (id: TableId) => Obstacle['topic'];

interface KnownForms {
  readonly tables: ReadonlyMap<TableName, StoredTable>;
  readonly stopped: Stops;
}

/**
 * The schemas of a batch that the warehouse has a form for, before anything is done. Nothing is made
 * for a table whose first schema has none; one that is new gets the form it has before its obstacle.
 *
 * @param met  obstacles that an attempt with the same batch has met
 */
export function followableSchemas(
  rules: EvolutionRules,
  topicOf: TopicOf,
  { tables, stopped }: KnownForms,
  batch: SinkBatch,
  met: readonly Obstacle[] = [],
): FollowableSchemas {
  const all = schemaUses(batch).filter(({ schema }) => !isLeftOut(stopped, batch, schema));
  const known = new Map(tables);
  const obstacles = new Map(met.map((obstacle) => [obstacle.table, obstacle]));
  const uses: SchemaUse[] = [];
  for (const use of all) {
    const name = tableName(use.schema.id);
    const obstacle = obstacles.get(name);
    if (obstacle && (tables.has(name) || use.since >= obstacle.seq)) continue;
    const form = formOrObstacle(rules, topicOf, known, use);
    if ('code' in form) obstacles.set(name, form);
    else {
      known.set(form.name, form);
      uses.push(use);
    }
  }
  // A table that stands keeps its form for all of the batch in which it stops.
  const isStuck = ({ schema }: SchemaUse): boolean => {
    const name = tableName(schema.id);
    return obstacles.has(name) && tables.has(name);
  };
  return { uses: uses.filter((use) => !isStuck(use)), obstacles: [...obstacles.values()] };
}

function formOrObstacle(
  rules: EvolutionRules,
  topicOf: TopicOf,
  known: ReadonlyMap<TableName, StoredTable>,
  use: SchemaUse,
): StoredTable | Obstacle {
  try {
    return tableFor(rules, known, use);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const { id } = use.schema;
    const { code, message: reason } = error;
    return { table: tableName(id), topic: topicOf(id), code, reason, seq: use.since };
  }
}

/** A schema of a stopped table is met again with its rows. */
function isLeftOut(stopped: Stops, { without }: SinkBatch, { id }: TableSchema): boolean {
  const stop = stopped.get(tableName(id));
  return stop !== undefined && (without?.includes(stop.topic) ?? false);
}
