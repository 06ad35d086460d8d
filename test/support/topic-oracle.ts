import type { Checkpoint } from '../../src/change/checkpoint.ts';
import type { Sequence } from '../../src/change/sequence.ts';
import { type TableName, type TableSchema, tableName } from '../../src/change/table.ts';
import { type ControlRecord, parseControlRecord } from '../../src/topic/control-record.ts';
import { type OutgoingRecord, POSITION_KEYS, SEQUENCE_HEADER } from '../../src/topic/publisher.ts';
import { parseSchemaRecord } from '../../src/topic/schema-record.ts';
import { internalTopics } from '../../src/topic/topic-name.ts';

type Row = Readonly<Record<string, unknown>>;

export type OracleStatus = 'stopped' | 'snapshotting' | 'gap' | 'consistent';

interface OracleTable {
  rows: Map<string, { readonly seq: Sequence; readonly row: Row }>;
  columns: readonly string[];
  key: string;
  brokenSince: Sequence | undefined;
  isFollowed: boolean;
  copying: boolean;
}

const NEW: Omit<OracleTable, 'rows'> = {
  columns: [],
  key: '',
  brokenSince: undefined,
  isFollowed: true,
  copying: false,
};

interface Envelope {
  readonly op: string;
  readonly before: Row | null;
  readonly after: Row | null;
  readonly source: { readonly db: string; readonly table: string };
}

/**
 * What the records of a pipeline say, read in the plainest way: the rows of each table, and whether
 * they may be called consistent. It shares no code with the warehouses.
 */
export class TopicOracle {
  readonly #prefix: string;
  readonly #tables = new Map<TableName, OracleTable>();
  readonly #schemas = new Map<string, TableSchema>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Takes the records of one transaction; returns the checkpoint that ends it. */
  take(records: readonly OutgoingRecord[]): Checkpoint | undefined {
    const { positions, schemas, control } = internalTopics(this.#prefix);
    for (const { topic, key, value } of records)
      if (topic === schemas) this.#schemas.set(key ?? '', parseSchemaRecord(value ?? ''));
    const ordered = records
      .filter(({ topic, value }) => value !== null && topic !== positions && topic !== schemas)
      .map((record, place) => ({ record, seq: sequenceOf(record), place }))
      .sort(
        (a, b) => compare(a.seq, b.seq) || rank(a.record) - rank(b.record) || a.place - b.place,
      );
    for (const { record, seq } of ordered)
      if (record.topic === control) this.#control(parseControlRecord(record.value ?? ''));
      else this.#row(record, seq);
    const last = records.findLast(
      ({ topic, key }) => topic === positions && key === POSITION_KEYS.checkpoint,
    );
    return last?.value == null ? undefined : (JSON.parse(last.value) as Checkpoint);

    function rank({ topic }: OutgoingRecord): number {
      return topic === control ? 0 : 1;
    }
  }

  get tables(): readonly TableName[] {
    return [...this.#tables.keys()];
  }

  status(name: TableName): OracleStatus | undefined {
    const table = this.#tables.get(name);
    if (!table) return undefined;
    if (!table.isFollowed) return 'stopped';
    if (table.copying) return 'snapshotting';
    return table.brokenSince === undefined ? 'consistent' : 'gap';
  }

  /** The rows that a view would show, in the order of their keys. */
  rows(name: TableName): readonly Row[] {
    const table = this.#tables.get(name);
    if (!table) return [];
    return [...table.rows]
      .sort(([a], [b]) => compare(a, b))
      .map(([, { row }]) =>
        Object.fromEntries(table.columns.map((column) => [column, row[column] ?? null])),
      );
  }

  #row({ key, value, headers }: OutgoingRecord, seq: Sequence): void {
    const { op, after, source } = JSON.parse(value ?? '') as Envelope;
    const name = tableName({ database: source.db, table: source.table });
    const schemaId = headers.find(([header]) => header === '__sluice.schema')?.[1] ?? '';
    const table = this.#shaped(name, schemaId);
    if (op === 'd') table.rows.delete(key ?? '');
    else table.rows.set(key ?? '', { seq, row: after ?? {} });
  }

  /** A schema that lacks a column has closed it; one with another key has ended every row. */
  #shaped(name: TableName, schemaId: string): OracleTable {
    const table = this.#table(name);
    const schema = this.#schemas.get(schemaId);
    if (!schema) throw new Error(`schema ${schemaId} of ${name} is not on record`);
    const columns = schema.columns.map((column) => column.name);
    const key = schema.key.map((index) => columns[index]).join(',');
    if (table.key !== '' && table.key !== key) table.rows.clear();
    table.key = key;
    const closed = table.columns.filter((column) => !columns.includes(column));
    if (closed.length > 0) close(table, closed);
    table.columns = columns;
    return table;
  }

  #control(record: ControlRecord): void {
    if (record.kind === 'gap') {
      for (const table of this.#tables.values()) table.brokenSince = record.seq;
      return;
    }
    const table = this.#table(record.table);
    switch (record.kind) {
      case 'snapshotBegin':
        table.copying = true;
        break;
      case 'snapshotEnd':
        table.copying = false;
        if (record.covers !== undefined && record.covers >= (table.brokenSince ?? ''))
          table.brokenSince = undefined;
        break;
      case 'tableGap':
        table.brokenSince = record.seq;
        table.isFollowed = record.followed;
        break;
      case 'truncate':
        table.rows.clear();
        break;
      case 'sweep':
        for (const [key, { seq }] of table.rows) if (seq < record.olderThan) table.rows.delete(key);
        break;
      case 'tableDropped':
        this.#tables.delete(record.table);
        break;
      case 'schema':
        this.#shaped(record.table, record.schemaId);
        break;
      case 'columns':
        if (record.closed.length > 0) close(table, record.closed);
        rename(table, record.renamed);
        fill(table, record.defaults);
        break;
    }
  }

  #table(name: TableName): OracleTable {
    const known = this.#tables.get(name);
    if (known) return known;
    const fresh = { ...NEW, rows: new Map() };
    this.#tables.set(name, fresh);
    return fresh;
  }
}

function close(table: OracleTable, names: readonly string[]): void {
  for (const [key, { seq, row }] of table.rows) {
    const kept = Object.entries(row).filter(([name]) => !names.includes(name));
    table.rows.set(key, { seq, row: Object.fromEntries(kept) });
  }
}

function rename(
  table: OracleTable,
  renamed: readonly { readonly from: string; readonly to: string }[],
): void {
  const to = new Map(renamed.map(({ from, to: name }) => [from, name]));
  for (const [key, { seq, row }] of table.rows) {
    const moved = Object.entries(row).map(([name, value]) => [to.get(name) ?? name, value]);
    table.rows.set(key, { seq, row: Object.fromEntries(moved) as Row });
  }
  table.columns = table.columns.map((name) => to.get(name) ?? name);
}

function fill(
  table: OracleTable,
  defaults: readonly { readonly name: string; readonly value: string }[],
): void {
  const values = Object.fromEntries(
    defaults.map(({ name, value }) => [name, JSON.parse(value) as unknown]),
  );
  for (const [key, { seq, row }] of table.rows)
    table.rows.set(key, { seq, row: { ...row, ...values } });
  table.columns = [...table.columns, ...Object.keys(values)];
}

function sequenceOf({ headers }: OutgoingRecord): Sequence {
  return (headers.find(([name]) => name === SEQUENCE_HEADER)?.[1] ?? '') as Sequence;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
