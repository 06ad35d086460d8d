import type { NewWarehouse } from '../sink/destination.ts';
import type { NamedTable } from '../view/dialect.ts';
import { namesOf } from '../view/naming-rules.ts';
import type { Relation } from '../view/own-relations.ts';
import type { RelationNames, StoredTable } from '../view/stored-table.ts';
import { dropViews } from '../view/table-views.ts';
import { bigQueryDialect, identifier, text } from './bigquery-dialect.ts';
import { madeRelations } from './foreign-relations.ts';
import {
  LAYOUT_VERSION,
  OWN,
  ownTable,
  type StoredState,
  type WarehouseIdentity,
} from './metadata.ts';
import { type BigQueryLayout, bigQueryNaming } from './names.ts';
import { type Statement, transaction } from './statement.ts';
import { formatOffsets } from './stored-offsets.ts';

/** A physical table of a warehouse, not one that was put aside. */
const PHYSICAL = /__(?:changes|state)$/;

/**
 * Statements that take an old warehouse out of the way: its rows stay, under names that end in its
 * id, and its views go, because a new cut says nothing about its rows. Each may be run again.
 *
 * @param foreign  relations that somebody else has made, and that stay
 * @param present  everything in the internal dataset: what is known of an old warehouse may be lost
 */
export function setAsideStatements(
  layout: BigQueryLayout,
  oldId: string,
  tables: Iterable<NamedViews>,
  foreign: ReadonlySet<string>,
  present: readonly string[],
): SetAside {
  const dialect = bigQueryDialect(layout);
  const drops = [...tables].flatMap((table) =>
    allNames(layout, table).flatMap((names) => dropViews(dialect, names, foreign)),
  );
  const dataset = [layout.project, layout.internal].map(identifier).join('.');
  const renames = present
    .filter((name) => PHYSICAL.test(name))
    .map((name) => {
      const kept = identifier(`${name}__${oldId}`);
      return `ALTER TABLE IF EXISTS ${dataset}.${identifier(name)} RENAME TO ${kept}`;
    });
  return { drops, renames };
}

type NamedViews = NamedTable & Pick<StoredTable, 'earlierNames'>;

interface SetAside {
  /** Of views. */
  readonly drops: readonly string[];
  /** Of physical tables. */
  readonly renames: readonly string[];
}

/** Names that the views of a table have, had or are to have. */
function allNames(layout: BigQueryLayout, table: NamedViews): readonly RelationNames[] {
  const earlier = (table.earlierNames ?? []).flatMap(({ names = [] }) => names);
  return [namesOf(bigQueryNaming(layout), table), ...earlier];
}

/** Relations that an old warehouse has on record, and that are not surely its own. */
export function uncertainOf(layout: BigQueryLayout, state: StoredState): readonly Relation[] {
  const { suffixes, relation } = bigQueryDialect(layout);
  return Array.from(state.tables.values()).flatMap(({ table }) => {
    const made = madeRelations(layout, state, table.name);
    const known = new Set(made.map(({ names, suffix }) => relation(names, suffix)));
    return allNames(layout, table)
      .flatMap((names) => suffixes.map((suffix) => ({ names, suffix })))
      .filter(({ names, suffix }) => !known.has(relation(names, suffix)));
  });
}

/** One transaction that makes the bookkeeping that of a new warehouse, whatever it was before. */
export function newCheckpoint(
  layout: BigQueryLayout,
  { warehouseId, pipeline, prefix }: WarehouseIdentity,
  start: NewWarehouse['start'],
): Statement {
  const checkpoints = ownTable(layout, OWN.checkpoints);
  const { cut, offsets = [] } = start ?? {};
  const columns = {
    layout: String(LAYOUT_VERSION),
    warehouse_id: text(warehouseId),
    pipeline: text(pipeline),
    prefix: text(prefix),
    commit_number: '0',
    offsets: '@offsets',
    pending: text('[]'),
    ...(cut
      ? {
          start_seq: text(cut.lastSequence),
          commit_ordinal: String(cut.commitOrdinal),
          cut_seq: text(cut.lastSequence),
          committed_at_us: String(cut.committedAtUs),
          gtid_set: '@gtid_set',
        }
      : {}),
  };
  return transaction([
    { sql: `DELETE FROM ${ownTable(layout, OWN.tables)} AS t WHERE TRUE` },
    { sql: `DELETE FROM ${checkpoints} AS p WHERE TRUE` },
    {
      sql: `INSERT INTO ${checkpoints} (${Object.keys(columns).join(', ')}) VALUES (${Object.values(columns).join(', ')})`,
      data: { offsets: formatOffsets(offsets), ...(cut ? { gtid_set: cut.gtidSet } : {}) },
    },
  ]);
}
