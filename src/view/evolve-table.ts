import { unreachable } from '../change/brand.ts';
import type { Sequence } from '../change/sequence.ts';
import type { SchemaId, TableComments } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { ColumnChange, FormChange, SchemaUse, TableDrop } from './form-change.ts';
import { keyIdentities, sequenceBefore } from './key-generation.ts';
import type { KnownTables } from './known-tables.ts';
import type { NamingRules } from './naming-rules.ts';
import {
  called,
  distinctNames,
  findColumn,
  freePhysicalName,
  lower,
  type PlacingRules,
  placeColumns,
  takenNames,
} from './place-columns.ts';
import { namedTables } from './relation-names.ts';
import {
  BEFORE_ALL,
  type KeyGeneration,
  type StoredColumn,
  type StoredTable,
  type TableForm,
} from './stored-table.ts';
import {
  everyColumn,
  formAt,
  formOf,
  nextForm,
  physicalColumns,
  storedName,
  withForm,
} from './table-form.ts';

/** What a warehouse says about columns and names. */
export interface EvolutionRules extends PlacingRules {
  /** Comments as the warehouse can hold them. */
  readonly comments: (comments: TableComments) => TableComments;
  readonly naming: NamingRules;
  /** How many columns of the source a physical table can have, closed ones among them. */
  readonly maxColumns: number;
}

/**
 * Lets a change take effect among the tables that are known. Those that are changed by it are
 * returned: its own table, behind others that give up their names for it.
 *
 * @throws {SluiceError} `table.no-key` | `sink.schema-conflict`
 */
export function follow(
  rules: EvolutionRules,
  known: KnownTables,
  change: FormChange,
): readonly StoredTable[] {
  const before = known.get(change.table);
  const after = formAfter(rules, known, change);
  if (!after || after === before) return [];
  const appears = !after.dropped && (before?.dropped ?? true);
  const changed = appears ? namedTables(rules.naming, known, after, change.since) : [after];
  for (const table of changed) known.set(table);
  return changed;
}

/**
 * The table as it has to be behind a change of its form. The same object when nothing has to be
 * done, as for a change that it has taken in before; `undefined` when nothing is known of the table
 * and nothing has to be. Its names are not decided.
 *
 * @throws {SluiceError} `table.no-key` | `sink.schema-conflict`
 */
export function formAfter(
  rules: EvolutionRules,
  known: KnownTables,
  change: FormChange,
): StoredTable | undefined {
  const after = changedForm(rules, known, change);
  if (after && after !== known.get(change.table)) refuseTooWide(rules, after);
  return after;
}

function changedForm(
  rules: EvolutionRules,
  known: KnownTables,
  change: FormChange,
): StoredTable | undefined {
  const table = known.get(change.table);
  switch (change.kind) {
    case 'schema':
      return table ? withSchema(rules, table, change) : newTable(rules, change);
    case 'columns':
      return table && isNews(table, change)
        ? withColumnChange(rules, settled(table), change)
        : table;
    case 'tableDropped':
      return table && isNews(table, change) ? withoutColumns(settled(table), change) : table;
    default:
      return unreachable(change);
  }
}

/** As it goes on record: what was presumed of columns is taken for true. */
export function settled(table: StoredTable): StoredTable {
  if (!table.columns.some(({ presumed }) => presumed)) return table;
  const columns = table.columns.map(({ presumed: _, ...column }) => column);
  const form = { ...table, columns };
  return { ...form, ...generationsOf(table, form, table.columnsSince ?? table.schemaSince) };
}

const isNews = ({ columnsSince }: StoredTable, { since }: FormChange): boolean =>
  columnsSince === undefined || since > columnsSince;

function newTable(rules: EvolutionRules, change: SchemaUse): StoredTable {
  const { table: name, schema, schemaId, since } = change;
  refuseKeyless(change);
  const { columns } = placeColumns(rules, { columns: [], taken: [] }, schema.columns, []);
  const table: StoredTable = {
    name,
    id: schema.id,
    ...{ schemaId, schemaSince: since, columns, closed: [], key: keyNames(columns, schema.key) },
    watermark: BEFORE_ALL,
  };
  return withComments(rules, table, change);
}

const keyNames = (columns: readonly StoredColumn[], key: readonly number[]): readonly string[] =>
  key.map((index) => columns[index]?.name ?? '');

function withSchema(rules: EvolutionRules, table: StoredTable, change: SchemaUse): StoredTable {
  const { schema, schemaId, since } = change;
  // Rows may come after a change of columns that they were written before.
  if (since < table.schemaSince || since < (table.columnsSince ?? since))
    return withOlderSchema(rules, table, change);
  const isSame = table.schemaId === schemaId;
  if (!isSame && wasPresumedBefore(table, since)) return withSchema(rules, settled(table), change);
  if (isSame && isSettled(table)) return withComments(rules, table, change);
  refuseKeyless(change);
  const { columns, left } = placeColumns(
    rules,
    { columns: table.columns, taken: takenIn(table) },
    schema.columns,
    table.awaited ?? [],
  );
  const closed = closedWith(table, left);
  const key = keyNames(columns, schema.key);
  const form = { schemaId, schemaSince: since, columns, closed, key };
  const boundary = change.isRow ? sequenceBefore(since) : since;
  const comments = commentsOf(table, columns);
  const next: TableForm = {
    ...form,
    ...generationsOf(table, { ...table, ...form }, boundary, change.committedAtUs),
    ...(comments ? { comments } : {}),
  };
  const { awaited: _, ...rest } = retyped(table, columns);
  // A form that was presumed never was one; one of the same schema has only come to be known better.
  const replaces = isSame || table.columns.some(({ presumed }) => presumed);
  const changed = replaces ? withForm(rest, next) : nextForm(rest, next, since);
  return withComments(rules, changed, change);
}

/**
 * Whether columns are presumed that were there for a while: a schema that a change of columns led to
 * comes with the same commit or the next.
 */
function wasPresumedBefore({ columns, columnsSince }: StoredTable, since: Sequence): boolean {
  const commitOf = (seq: Sequence): bigint => BigInt(`0x${seq.slice(0, 25).replace('/', '')}`);
  if (columnsSince === undefined || !columns.some(({ presumed }) => presumed)) return false;
  return commitOf(since) - commitOf(columnsSince) > 1n;
}

/** Whether nothing is open about the columns of the schema that the table has. */
const isSettled = ({ columns, closed, awaited }: StoredTable): boolean =>
  closed !== undefined && awaited === undefined && !columns.some(({ presumed }) => presumed);

/** Names in the physical tables, those of columns aside that are only presumed. */
const takenIn = (table: StoredTable): readonly StoredColumn[] =>
  [table, ...(table.earlierForms ?? [])]
    .flatMap(everyColumn)
    .filter(({ presumed }) => presumed === undefined);

/** The table where physical columns have the types that they have in `columns`. */
function retyped(table: StoredTable, columns: readonly StoredColumn[]): StoredTable {
  const { earlierForms } = table;
  if (!earlierForms) return table;
  const types = new Map(columns.map((column) => [storedName(column), column.type]));
  const withType = (column: StoredColumn): StoredColumn => {
    const type = types.get(storedName(column)) ?? column.type;
    return type === column.type ? column : { ...column, type };
  };
  const forms = earlierForms.map((form) => ({ ...form, columns: form.columns.map(withType) }));
  return { ...table, earlierForms: forms };
}

/**
 * A schema that comes behind a newer one, for rows of before: in the place of a form that it has
 * already, or as one more form in front of that which follows it.
 */
function withOlderSchema(
  rules: EvolutionRules,
  table: StoredTable,
  change: SchemaUse,
): StoredTable {
  const { schema, schemaId, since } = change;
  const form = formAt(table, since);
  if (form.schemaId === schemaId) return table;
  refuseKeyless(change);
  const { earlierForms = [] } = table;
  if (table.schemaId === schemaId && since < (earlierForms.at(-1)?.until ?? since))
    return sinceEarlier(table, change);
  const pool = { columns: everyColumn(form), taken: takenIn(table) };
  const { columns } = placeColumns(rules, pool, schema.columns, []);
  const known = new Set(everyColumn(table).map(storedName));
  const added = columns.filter((column) => !known.has(storedName(column)));
  const index = earlierForms.findIndex(({ until }) => since < until);
  const at = index < 0 ? earlierForms.length : index;
  const until = earlierForms[at]?.until ?? table.schemaSince;
  const older = { ...formOf(form), schemaId, columns, until };
  const before = earlierForms.slice(0, at);
  const behind = earlierForms.slice(at + 1);
  const split = earlierForms[at] ? [{ ...earlierForms[at], until: since }] : [];
  return {
    ...retyped(table, columns),
    closed: [...(table.closed ?? []), ...added],
    earlierForms: [...before, ...split, older, ...behind],
  };
}

/** The newest form begins earlier than it was known to. */
function sinceEarlier(table: StoredTable, { since, isRow }: SchemaUse): StoredTable {
  const { earlierForms = [], generations } = table;
  const last = earlierForms.at(-1);
  if (!last) return table;
  const boundary = isRow ? sequenceBefore(since) : since;
  const lowered = generations?.map((generation) =>
    generation.after > boundary ? { ...generation, after: boundary } : generation,
  );
  return {
    ...table,
    schemaSince: since,
    ...(lowered ? { generations: lowered } : {}),
    earlierForms: [...earlierForms.slice(0, -1), { ...last, until: since }],
  };
}

/** Closed columns keep their values, and give their names to columns without any. */
function withColumnChange(
  rules: EvolutionRules,
  table: StoredTable,
  { since, closed: closedNames, renamed, defaults }: ColumnChange,
): StoredTable {
  const find = (name: string) => findColumn(table.columns, rules.columnName(name));
  const closed = new Set(closedNames.map(find));
  const names = new Map(renamed.map(({ from, to }) => [find(from), rules.columnName(to)]));
  const given = new Set([...names.values()].map(lower));
  const taken = takenNames(takenIn(table));
  const changed = table.columns.flatMap((column): readonly Renamed[] => {
    const name = names.get(column);
    if (name !== undefined) return [{ from: column, to: called(column, name) }];
    if (!closed.has(column)) return [{ from: column, to: column }];
    const { wanted = column.name } = column;
    return given.has(lower(wanted))
      ? []
      : [{ from: column, to: reopened(column, freePhysicalName(wanted, taken)) }];
  });
  const columns = distinctNames(changed.map(({ to }) => to));
  const nameOf = new Map(changed.map(({ from }, index) => [from.name, columns[index]?.name ?? '']));
  const awaited = defaults.map(({ name, value }) => ({ name, value, before: since }));
  const ended = table.columns.filter((column) => closed.has(column) && !column.presumed);
  const comments = renamedComments(table.comments, nameOf);
  const form: TableForm = {
    ...formOf(table),
    columns,
    closed: closedWith(table, ended),
    key: table.key.flatMap((name) => nameOf.get(name) ?? []),
    generations: pinned(table),
    ...(comments ? { comments } : {}),
  };
  const next = isSameShape(table, columns) ? table : nextForm(table, form, since);
  return {
    ...next,
    columnsSince: since,
    ...(awaited.length === 0 ? {} : { awaited: [...(table.awaited ?? []), ...awaited] }),
  };
}

interface Renamed {
  readonly from: StoredColumn;
  readonly to: StoredColumn;
}

const isSameShape = (table: StoredTable, columns: readonly StoredColumn[]): boolean =>
  columns.length === table.columns.length &&
  columns.every((column, index) => column === table.columns[index]);

function reopened(column: StoredColumn, physical: string): StoredColumn {
  const { name, wanted, type, mayBeInexact } = column;
  return {
    ...{ name, type, mayBeInexact, presumed: true },
    ...(wanted === undefined ? {} : { wanted }),
    ...(physical === name ? {} : { stored: physical }),
  };
}

/** Everything that the table has ever held is of the past: one made again under its name begins anew. */
function withoutColumns(table: StoredTable, { since }: TableDrop): StoredTable {
  const ended = table.columns.filter(({ presumed }) => presumed === undefined);
  const form: TableForm = {
    schemaId: '' as SchemaId,
    schemaSince: since,
    columns: [],
    closed: closedWith(table, ended),
    key: [],
    generations: pinned(table),
    dropped: true,
  };
  const { awaited: _, ...rest } = table;
  return { ...nextForm(rest, form, since), columnsSince: since };
}

/** The closed columns and more, with what people have written about them. */
function closedWith(
  { closed = [], comments }: StoredTable,
  ended: readonly StoredColumn[],
): readonly StoredColumn[] {
  const texts = new Map(Object.entries(comments?.columns ?? {}));
  const described = ended.map((column) => {
    const comment = texts.get(column.name);
    return comment === undefined ? column : { ...column, comment };
  });
  return [...closed, ...described];
}

/** The generations said in full: they do not depend on what columns are called. */
const pinned = (table: StoredTable): readonly KeyGeneration[] =>
  table.generations ?? [{ after: BEFORE_ALL, key: keyIdentities(table) }];

/** With one generation more when rows are told apart by other columns than before. */
function generationsOf(
  before: StoredTable,
  after: StoredTable,
  boundary: Sequence,
  committedAtUs?: number,
): Pick<TableForm, 'generations'> {
  const key = keyIdentities(after);
  const known = pinned(before);
  if (isSameSet(known.at(-1)?.key ?? [], key))
    return before.generations ? { generations: known } : {};
  const time = committedAtUs === undefined ? {} : { committedAtUs };
  return { generations: [...known, { after: boundary, key, ...time }] };
}

const isSameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((one) => b.includes(one));

/** Without comments of its own, a form keeps those of the columns that it has. */
function commentsOf(
  { comments }: StoredTable,
  columns: readonly StoredColumn[],
): TableComments | undefined {
  if (!comments) return undefined;
  const names = new Set(columns.map(({ name }) => name));
  const kept = Object.entries(comments.columns).filter(([name]) => names.has(name));
  return { ...comments, columns: Object.fromEntries(kept) };
}

function renamedComments(
  comments: TableComments | undefined,
  nameOf: ReadonlyMap<string, string>,
): TableComments | undefined {
  if (!comments) return undefined;
  const moved = Object.entries(comments.columns).flatMap(([name, comment]) => {
    const to = nameOf.get(name);
    return to === undefined ? [] : [[to, comment] as const];
  });
  return { ...comments, columns: Object.fromEntries(moved) };
}

function withComments(
  rules: EvolutionRules,
  table: StoredTable,
  { schema, comments }: SchemaUse,
): StoredTable {
  if (comments === undefined) return table;
  const given = new Map(Object.entries(comments.columns));
  const columns = schema.columns.flatMap((column) => {
    const comment = given.get(column.name);
    const stored = findColumn(table.columns, rules.columnName(column.name));
    return comment === undefined || !stored ? [] : [[stored.name, comment] as const];
  });
  const next = rules.comments({ ...comments, columns: Object.fromEntries(columns) });
  const { comments: earlier, ...form } = table;
  if (JSON.stringify(next) === JSON.stringify(earlier ?? NO_COMMENTS)) return table;
  return isEmpty(next) ? form : { ...form, comments: next };
}

const NO_COMMENTS: TableComments = { columns: {} };

const isEmpty = ({ table, columns }: TableComments): boolean =>
  table === undefined && Object.keys(columns).length === 0;

function refuseKeyless({ table, schema }: SchemaUse): void {
  if (schema.key.length > 0) return;
  throw new SluiceError(
    'table.no-key',
    `${table} has no primary key, so its present rows cannot be told from its changes. Add a key, or exclude the table.`,
    { facts: { table } },
  );
}

function refuseTooWide({ maxColumns }: EvolutionRules, table: StoredTable): void {
  const count = physicalColumns(table).length;
  if (count <= maxColumns) return;
  throw new SluiceError(
    'sink.schema-conflict',
    `${table.name} would have ${count} columns in the warehouse, which holds ${maxColumns} of a table; ${count - table.columns.length} of them are of columns that were dropped or whose type has changed.`,
    { facts: { table: table.name } },
  );
}
