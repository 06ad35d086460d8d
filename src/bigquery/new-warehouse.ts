import type { NewWarehouse } from '../sink/destination.ts';
import { type StoredTable, VIEW_SUFFIXES } from '../view/stored-table.ts';
import { bigQueryDialect, identifier, physicalName, text } from './bigquery-dialect.ts';
import { transaction } from './commit-script.ts';
import { LAYOUT_VERSION, OWN, ownTable, type WarehouseIdentity } from './metadata.ts';
import type { BigQueryLayout } from './names.ts';
import { formatOffsets } from './stored-offsets.ts';

/**
 * Statements that take a table of an old warehouse out of the way: its rows stay, under names that
 * end in the id of that warehouse, and its views go, because a new one's cut says nothing about its
 * rows. Each may be run again.
 */
export function setAsideStatements(
  layout: BigQueryLayout,
  warehouseId: string,
  { id, name }: Pick<StoredTable, 'id' | 'name'>,
): readonly string[] {
  const dialect = bigQueryDialect(layout);
  const table = { id, name };
  const drops = VIEW_SUFFIXES.map((suffix) => {
    const kind = suffix === '__as_of' ? 'TABLE FUNCTION' : 'VIEW';
    return `DROP ${kind} IF EXISTS ${dialect.view(table, suffix)}`;
  });
  const renames = (['changes', 'state'] as const).map((what) => {
    const kept = identifier(`${physicalName(id, what)}__${warehouseId}`);
    return `ALTER TABLE IF EXISTS ${dialect[what](table)} RENAME TO ${kept}`;
  });
  return [...drops, ...renames];
}

/** One transaction that makes the bookkeeping that of a new warehouse, whatever it was before. */
export function newCheckpoint(
  layout: BigQueryLayout,
  { warehouseId, pipeline, prefix }: WarehouseIdentity,
  start: NewWarehouse['start'],
): string {
  const checkpoints = ownTable(layout, OWN.checkpoints);
  const { cut, offsets = [] } = start ?? {};
  const columns = {
    layout: String(LAYOUT_VERSION),
    warehouse_id: text(warehouseId),
    pipeline: text(pipeline),
    prefix: text(prefix),
    commit_number: '0',
    offsets: text(formatOffsets(offsets)),
    pending: text('[]'),
    ...(cut
      ? {
          start_seq: text(cut.lastSequence),
          commit_ordinal: String(cut.commitOrdinal),
          cut_seq: text(cut.lastSequence),
          committed_at_us: String(cut.committedAtUs),
          gtid_set: text(cut.gtidSet),
        }
      : {}),
  };
  return transaction([
    `DELETE FROM ${ownTable(layout, OWN.tables)} AS t WHERE TRUE`,
    `DELETE FROM ${checkpoints} AS p WHERE TRUE`,
    `INSERT INTO ${checkpoints} (${Object.keys(columns).join(', ')}) VALUES (${Object.values(columns).join(', ')})`,
  ]);
}
