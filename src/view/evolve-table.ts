import type { Sequence } from '../change/sequence.ts';
import {
  type Column,
  type SchemaId,
  type TableComments,
  type TableId,
  type TableName,
  type TableSchema,
  tableName,
} from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type { SinkBatch } from '../sink/destination.ts';
import {
  BEFORE_ALL,
  RESERVED_COLUMNS,
  type StoredColumn,
  type StoredTable,
} from './stored-table.ts';

export interface SchemaUse {
  readonly schemaId: SchemaId;
  readonly schema: TableSchema;
  /** Sequence of a record that has it. */
  readonly since: Sequence;
  /** All comments on the table, when the record brings them. */
  readonly comments?: TableComments;
}

/** Every schema the batch speaks of with the first sequence that has it, oldest first. */
export function schemaUses({ tables, control, schemas }: SinkBatch): readonly SchemaUse[] {
  const announced = control.flatMap((record): SchemaUse[] => {
    if (record.kind !== 'schema') return [];
    const schema = schemas.get(record.schemaId);
    if (!schema) throw new InvariantBroken(`schema ${record.schemaId} is not in the batch`);
    const { schemaId, seq: since, comments } = record;
    return [{ schemaId, schema, since, ...(comments ? { comments } : {}) }];
  });
  const used = tables.flatMap(({ schemaId, schema, rows }): SchemaUse[] => {
    const since = rows.reduce<Sequence | undefined>(
      (least, { seq }) => (least === undefined || seq < least ? seq : least),
      undefined,
    );
    return since === undefined ? [] : [{ schemaId, schema, since }];
  });
  return [...announced, ...used].sort((a, b) =>
    a.since < b.since ? -1 : a.since > b.since ? 1 : 0,
  );
}

/** What a warehouse says about columns and names. */
export interface EvolutionRules {
  /** The column as a new table stores it. */
  readonly column: (column: Column) => StoredColumn;
  /**
   * A column that holds every value of both exactly, for one that is stored and whose source type is
   * now stored as `wanted`; `undefined` when there is none.
   *
   * @param taken  lower-case names that the other columns of the table have
   */
  readonly widen: (
    stored: StoredColumn,
    wanted: StoredColumn,
    taken: ReadonlySet<string>,
  ) => StoredColumn | undefined;
  /** Comments as the warehouse can hold them. */
  readonly comments: (comments: TableComments) => TableComments;
  /** Every relation that a source table takes. */
  readonly relations: (id: TableId) => readonly string[];
  /** Whether the warehouse has a use of its own for the name. */
  readonly isReserved: (database: string) => boolean;
}

/**
 * The table as it has to be for rows of a schema, and for the comments that come with it: new
 * columns are added, changed ones widened, dropped ones kept. The same object when nothing has to be
 * done.
 *
 * @throws {SluiceError} `table.no-key` | `sink.schema-conflict` | `sink.name-collision`
 */
export function tableFor(
  rules: EvolutionRules,
  known: ReadonlyMap<TableName, StoredTable>,
  use: SchemaUse,
): StoredTable {
  return withComments(rules, formFor(rules, known, use), use);
}

function formFor(
  rules: EvolutionRules,
  known: ReadonlyMap<TableName, StoredTable>,
  { schemaId, schema, since }: SchemaUse,
): StoredTable {
  const name = tableName(schema.id);
  const table = known.get(name);
  if (table?.schemaId === schemaId) return table;
  refuseKeyless(name, schema);
  refuseReserved(rules, name, schema);
  const wanted = schema.columns.map(rules.column);
  refuseDoubleNames(name, wanted);
  const key = schema.key.map((index) => wanted[index]?.name ?? '');
  const newest = { schemaId, schemaSince: since, key };
  if (!table) {
    refuseCollision(rules, known, name, schema);
    return {
      name,
      id: schema.id,
      ...newest,
      columns: wanted,
      watermark: BEFORE_ALL,
    };
  }
  const combined = combine(rules, table, wanted);
  if (since > table.schemaSince)
    return { ...table, ...newest, columns: inOrderOf(wanted, combined) };
  const columns = inOrderOf(table.columns, combined);
  return sameColumns(columns, table.columns) ? table : { ...table, columns };
}

/** A column that the source has dropped keeps its comment. */
function withComments(
  rules: EvolutionRules,
  table: StoredTable,
  { schema, comments }: SchemaUse,
): StoredTable {
  if (comments === undefined) return table;
  const given = new Map(Object.entries(comments.columns));
  const present = new Map(
    schema.columns.map((column) => [lower(rules.column(column).name), given.get(column.name)]),
  );
  const before = new Map(Object.entries(table.comments?.columns ?? {}));
  const columns = table.columns.flatMap(({ name }) => {
    const comment = present.has(lower(name)) ? present.get(lower(name)) : before.get(name);
    return comment === undefined ? [] : [[name, comment] as const];
  });
  const next = rules.comments({ ...comments, columns: Object.fromEntries(columns) });
  const { comments: earlier, ...form } = table;
  if (JSON.stringify(next) === JSON.stringify(earlier ?? NO_COMMENTS)) return table;
  return isEmpty(next) ? form : { ...form, comments: next };
}

const NO_COMMENTS: TableComments = { columns: {} };

const isEmpty = ({ table, columns }: TableComments): boolean =>
  table === undefined && Object.keys(columns).length === 0;

const lower = (name: string): string => name.toLowerCase();

/** Every column of the table and of the schema, by lower-case name. */
function combine(
  rules: EvolutionRules,
  table: StoredTable,
  wanted: readonly StoredColumn[],
): ReadonlyMap<string, StoredColumn> {
  const combined = new Map(table.columns.map((column) => [lower(column.name), column]));
  const taken = new Set([...table.columns, ...wanted].flatMap(namesOf).map(lower));
  for (const column of wanted) {
    const stored = combined.get(lower(column.name));
    const widened = stored ? rules.widen(stored, column, taken) : column;
    if (!widened) throw conflict(table.name, column, stored?.type ?? '');
    combined.set(lower(column.name), widened);
  }
  return combined;
}

function namesOf({ name, stored, earlier = [] }: StoredColumn): readonly string[] {
  return [name, ...(stored === undefined ? [] : [stored]), ...earlier.map((column) => column.name)];
}

/** The columns as `first` spells and orders them, then the rest. */
function inOrderOf(
  first: readonly StoredColumn[],
  combined: ReadonlyMap<string, StoredColumn>,
): readonly StoredColumn[] {
  const rest = new Map(combined);
  const ordered = first.map((column) => {
    rest.delete(lower(column.name));
    const { name: _, ...form } = combined.get(lower(column.name)) ?? column;
    return { name: column.name, ...form };
  });
  return [...ordered, ...rest.values()];
}

function sameColumns(a: readonly StoredColumn[], b: readonly StoredColumn[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Whether rows that were one by the old key may be two by the new one. */
export function keyChanged(from: StoredTable, to: StoredTable): boolean {
  const key = ({ key: names }: StoredTable): string => JSON.stringify(names.map(lower));
  return key(from) !== key(to);
}

function conflict(table: TableName, column: StoredColumn, before: string): SluiceError {
  return new SluiceError(
    'sink.schema-conflict',
    `Column ${column.name} of ${table} was ${before} in the warehouse and is ${column.type} now; no type holds both exactly.`,
    { facts: { table, column: column.name, types: [before, column.type] } },
  );
}

function refuseKeyless(name: TableName, { key }: TableSchema): void {
  if (key.length > 0) return;
  throw new SluiceError(
    'table.no-key',
    `${name} has no primary key, so its present rows cannot be told from its changes. Add a key, or exclude the table.`,
    { facts: { table: name } },
  );
}

function refuseReserved(
  rules: EvolutionRules,
  name: TableName,
  { id, columns }: TableSchema,
): void {
  if (rules.isReserved(id.database))
    throw collision(
      `Database ${id.database} has a name that the warehouse or Sluice uses itself.`,
      name,
    );
  const reserved = columns.find((column) => RESERVED_COLUMNS.has(lower(column.name)));
  if (reserved)
    throw collision(`Column ${reserved.name} of ${name} has a name that Sluice uses itself.`, name);
}

/** Two columns of the source may be one where letter case does not count. */
function refuseDoubleNames(table: TableName, columns: readonly StoredColumn[]): void {
  const seen = new Set<string>();
  for (const { name } of columns) {
    if (seen.has(lower(name)))
      throw collision(`Two columns of ${table} would both be called ${name}.`, table);
    seen.add(lower(name));
  }
}

function refuseCollision(
  rules: EvolutionRules,
  known: ReadonlyMap<TableName, StoredTable>,
  name: TableName,
  { id }: TableSchema,
): void {
  const names = new Set(rules.relations(id).map(lower));
  for (const other of known.values()) {
    const shared = rules.relations(other.id).find((relation) => names.has(lower(relation)));
    if (shared !== undefined)
      throw collision(`${name} and ${other.name} would both be called ${shared}.`, name);
  }
}

function collision(message: string, table: TableName): SluiceError {
  return new SluiceError('sink.name-collision', message, { facts: { table } });
}
