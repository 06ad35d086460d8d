import type { TableId } from '../change/table.ts';
import type { RelationNames, StoredTable } from './stored-table.ts';

/** What a warehouse says about names. */
export interface NamingRules {
  /** What the relations of a table are called where nothing else has their names. */
  readonly plain: (id: TableId) => RelationNames;
  /** What those of a table are called that has no names on record. */
  readonly unrecorded: (table: Pick<StoredTable, 'id' | 'name'>) => RelationNames;
  /** Everything that shows a table, each with the schema that it is in. */
  readonly views: (names: RelationNames) => readonly string[];
  /** The physical tables. */
  readonly storage: (names: RelationNames) => readonly string[];
  /** Relations that are Sluice's own. */
  readonly own: readonly string[];
  /** A name that is one of several, in what the warehouse takes. */
  readonly numbered: (name: string, number: number) => string;
}

export const namesOf = (
  { unrecorded }: Pick<NamingRules, 'unrecorded'>,
  table: Pick<StoredTable, 'id' | 'name' | 'names'>,
): RelationNames => table.names ?? unrecorded(table);
