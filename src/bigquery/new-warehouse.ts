import type { NewWarehouse } from '../sink/destination.ts';
import type { NamedTable } from '../view/dialect.ts';
import { namesOf } from '../view/naming-rules.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { dropViews } from '../view/table-views.ts';
import { bigQueryDialect, identifier, text } from './bigquery-dialect.ts';
import { LAYOUT_VERSION, OWN, ownTable, type WarehouseIdentity } from './metadata.ts';
import { type BigQueryLayout, bigQueryNaming } from './names.ts';
import { type Statement, transaction } from './statement.ts';
import { formatOffsets } from './stored-offsets.ts';

/** A physical table of a warehouse, not one that was put aside. */
const PHYSICAL = /__(?:changes|state)$/;

/**
 * Statements that take an old warehouse out of the way: its rows stay, under names that end in its
 * id, and its views go, because a new cut says nothing about its rows. Each may be run again.
 *
 * @param present  everything in the internal dataset: what is known of an old warehouse may be lost
 */
export function setAsideStatements(
  layout: BigQueryLayout,
  oldId: string,
  tables: Iterable<NamedTable & Pick<StoredTable, 'earlierNames'>>,
  present: readonly string[],
): readonly string[] {
  const dialect = bigQueryDialect(layout);
  const naming = bigQueryNaming(layout);
  const drops = [...tables].flatMap((table) => {
    const earlier = (table.earlierNames ?? []).flatMap(({ names = [] }) => names);
    return [namesOf(naming, table), ...earlier].flatMap((names) => dropViews(dialect, names));
  });
  const dataset = [layout.project, layout.internal].map(identifier).join('.');
  const renames = present
    .filter((name) => PHYSICAL.test(name))
    .map((name) => {
      const kept = identifier(`${name}__${oldId}`);
      return `ALTER TABLE IF EXISTS ${dataset}.${identifier(name)} RENAME TO ${kept}`;
    });
  return [...drops, ...renames];
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
