import type { ColumnValue } from '../../src/change/column-value.ts';
import type { ColumnType, TableName, TableSchema } from '../../src/change/table.ts';
import type { ChangeRow, TableRows } from '../../src/sink/destination.ts';
import type { ColumnChanges, ControlRecord } from '../../src/topic/control-record.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { change, integer, rowsOf, schemaOf, seqAt, varchar } from './warehouse.ts';

const TABLE = 'shop.items' as TableName;

const NAMES = ['a', 'b', 'B2', 'c', '_cdc_op', 'rowid'] as const;
const TYPES: readonly ColumnType[] = [
  varchar,
  integer,
  { kind: 'integer', bytes: 1, unsigned: false },
  { kind: 'date' },
  { kind: 'binary', fixedBytes: 0 },
];

/** What can happen to a table at its source. */
export const OPERATIONS = [
  ...['insert', 'insert', 'insert', 'update', 'update', 'update', 'delete'],
  ...['add', 'addWithDefault', 'drop', 'dropAndAdd', 'rename', 'swap', 'retype', 'reorder'],
  ...['rekey', 'dropTable', 'truncate', 'refresh'],
] as const;

export interface Step {
  readonly operation: string;
  readonly choice: number;
}

interface SourceColumn {
  readonly name: string;
  readonly type: ColumnType;
}

/** A row by names of columns, and the same as a warehouse shows it. */
type SourceRow = ReadonlyMap<string, ColumnValue>;

/** The table after a commit; `undefined` when a reader cannot know it. */
export type Truth =
  | { readonly columns: readonly string[]; readonly rows: readonly (readonly (string | null)[])[] }
  | 'dropped'
  | undefined;

/** Records of one commit ordinal. */
export interface SourceCommit {
  readonly ordinal: number;
  readonly rows: readonly TableRows[];
  readonly control: readonly ControlRecord[];
  readonly schemas: readonly TableSchema[];
  readonly truth: Truth;
}

/** A source with one table, and what its pipeline writes. */
export class TableSource {
  readonly commits: SourceCommit[] = [];
  #columns: SourceColumn[] = [
    { name: 'id', type: integer },
    { name: 'a', type: varchar },
  ];
  #key: string[] = ['id'];
  #rows: SourceRow[] = [];
  #exists = true;
  #random = 1;

  constructor() {
    this.#announce(true);
  }

  run({ operation, choice }: Step): void {
    this.#random = choice * 2 + 1;
    if (!this.#exists) this.#createAgain();
    else this.#apply(operation);
  }

  #apply(operation: string): void {
    switch (operation) {
      case 'insert':
        return this.#insert();
      case 'update':
        return this.#update();
      case 'delete':
        return this.#delete();
      case 'add':
        return this.#add(undefined);
      case 'addWithDefault':
        return this.#add(5n);
      case 'drop':
        return this.#drop();
      case 'dropAndAdd':
        return this.#dropAndAdd();
      case 'rename':
        return this.#rename();
      case 'swap':
        return this.#swap();
      case 'retype':
        return this.#retype();
      case 'reorder':
        this.#columns.reverse();
        return this.#announce(true);
      case 'rekey':
        return this.#rekey();
      case 'dropTable':
        return this.#dropTable();
      case 'truncate':
        this.#rows = [];
        return this.#commit([], (ordinal) => [{ kind: 'truncate', ...at(ordinal, 1) }]);
      default:
        return this.#refresh();
    }
  }

  #pick(below: number): number {
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    return this.#random % below;
  }

  get #schema(): TableSchema {
    return schemaOf(
      TABLE,
      this.#columns.map(({ name, type }) => [name, type] as const),
      this.#key,
    );
  }

  #value({ type }: SourceColumn): ColumnValue {
    const number = this.#pick(4);
    if (type.kind === 'integer') return BigInt(number);
    if (type.kind === 'date') return number;
    if (type.kind === 'binary') return Buffer.from([number]).toString('base64');
    return `t${number}`;
  }

  #freshRow(): SourceRow {
    return new Map(
      this.#columns.map((column) => {
        const isNull = !this.#key.includes(column.name) && this.#pick(4) === 0;
        return [column.name, isNull ? null : this.#value(column)] as const;
      }),
    );
  }

  #keyOf(row: SourceRow): string {
    return this.#key.map((name) => shownText(this.#column(name), row.get(name) ?? null)).join('/');
  }

  #column(name: string): SourceColumn {
    return this.#columns.find((column) => column.name === name) ?? { name, type: varchar };
  }

  #values(row: SourceRow): ColumnValue[] {
    return this.#columns.map(({ name }) => row.get(name) ?? null);
  }

  #change(op: ChangeRow['op'], row: SourceRow, ordinal: number, at: number): ChangeRow {
    return change(this.#schema, op, this.#values(row), ordinal, at);
  }

  /** @param isKnown  whether views can show the table as it is when only this and all before has come */
  #commit(
    changes: readonly ChangeRow[] | ((ordinal: number) => readonly ChangeRow[]),
    control: (ordinal: number) => readonly ControlRecord[] = () => [],
    isKnown = true,
  ): void {
    const ordinal = this.commits.length + 1;
    const rows = typeof changes === 'function' ? changes(ordinal) : changes;
    const schema = this.#schema;
    const truth: Truth = this.#exists
      ? {
          columns: this.#columns.map(({ name }) => name),
          rows: this.#rows.map((row) =>
            this.#columns.map((column) => shownText(column, row.get(column.name) ?? null)),
          ),
        }
      : 'dropped';
    this.commits.push({
      ordinal,
      rows: rows.length === 0 ? [] : [rowsOf(schema, rows)],
      control: control(ordinal),
      schemas: this.#exists ? [schema] : [],
      truth: isKnown ? truth : undefined,
    });
  }

  #announce(isKnown: boolean): void {
    const schemaId = schemaIdOf(this.#schema);
    this.#commit([], (ordinal) => [{ kind: 'schema', ...at(ordinal, 0), schemaId }], isKnown);
  }

  #insert(): void {
    const rows: SourceRow[] = [];
    for (let count = this.#pick(3); count >= 0; count -= 1) {
      const row = this.#freshRow();
      const known = new Set([...this.#rows, ...rows].map((each) => this.#keyOf(each)));
      if (!known.has(this.#keyOf(row))) rows.push(row);
    }
    this.#rows.push(...rows);
    this.#commit((ordinal) =>
      rows.map((row, index) => this.#change('c', row, ordinal, 2 * index + 1)),
    );
  }

  #update(): void {
    const before = this.#rows[this.#pick(Math.max(1, this.#rows.length))];
    if (!before) return;
    const after = new Map(before);
    for (const column of this.#columns)
      if (this.#pick(2) === 0) after.set(column.name, this.#value(column));
    const others = this.#rows.filter((row) => row !== before);
    if (others.some((row) => this.#keyOf(row) === this.#keyOf(after))) return;
    this.#rows = [...others, after];
    const isSameKey = this.#keyOf(before) === this.#keyOf(after);
    this.#commit((ordinal) =>
      isSameKey
        ? [this.#change('u', after, ordinal, 1)]
        : [this.#change('d', before, ordinal, 0), this.#change('c', after, ordinal, 1)],
    );
  }

  #delete(): void {
    const row = this.#rows[this.#pick(Math.max(1, this.#rows.length))];
    if (!row) return;
    this.#rows = this.#rows.filter((each) => each !== row);
    this.#commit((ordinal) => [this.#change('d', row, ordinal, 1)]);
  }

  #freeName(): string | undefined {
    const taken = new Set(this.#columns.map(({ name }) => name.toLowerCase()));
    const free = NAMES.filter((name) => !taken.has(name.toLowerCase()));
    return free[this.#pick(Math.max(1, free.length))];
  }

  #plain(): SourceColumn | undefined {
    const plain = this.#columns.filter(({ name }) => !this.#key.includes(name));
    return plain[this.#pick(Math.max(1, plain.length))];
  }

  #type(): ColumnType {
    return TYPES[this.#pick(TYPES.length)] ?? varchar;
  }

  #alter(changes: Partial<ColumnChanges>): void {
    this.#commit(
      [],
      (ordinal) => [
        {
          ...{ kind: 'columns', ...at(ordinal, 0), closed: [], renamed: [], defaults: [] },
          ...changes,
        },
      ],
      false,
    );
  }

  #add(initial: bigint | undefined): void {
    const name = this.#freeName();
    if (name === undefined) return;
    const column = { name, type: initial === undefined ? this.#type() : integer };
    this.#columns.splice(this.#pick(this.#columns.length + 1), 0, column);
    this.#rows = this.#rows.map((row) => new Map([...row, [name, initial ?? null]]));
    if (initial !== undefined) this.#alter({ defaults: [{ name, value: String(initial) }] });
    this.#announce(true);
  }

  #forget(name: string): void {
    this.#rows = this.#rows.map((row) => new Map([...row].filter(([each]) => each !== name)));
  }

  #drop(): void {
    const column = this.#plain();
    if (!column) return;
    this.#columns = this.#columns.filter((each) => each !== column);
    this.#forget(column.name);
    if (this.#pick(2) === 0) this.#alter({ closed: [column.name] });
    this.#announce(true);
  }

  /** The schema may be the same as before, and is announced once more or not. */
  #dropAndAdd(): void {
    const column = this.#plain();
    if (!column) return;
    const isSame = this.#pick(2) === 0;
    const next = isSame ? column : { name: column.name, type: this.#type() };
    const before = schemaIdOf(this.#schema);
    this.#columns = this.#columns.map((each) => (each === column ? next : each));
    this.#forget(column.name);
    this.#alter({ closed: [column.name] });
    if (schemaIdOf(this.#schema) !== before || this.#pick(2) === 0) this.#announce(true);
    else this.#commit([]);
  }

  #renameTo(names: ReadonlyMap<string, string>): void {
    const to = (name: string): string => names.get(name) ?? name;
    this.#columns = this.#columns.map(({ name, type }) => ({ name: to(name), type }));
    this.#rows = this.#rows.map(
      (row) => new Map([...row].map(([name, value]) => [to(name), value])),
    );
    this.#key = this.#key.map(to);
    this.#alter({ renamed: [...names].map(([from, name]) => ({ from, to: name })) });
    this.#announce(true);
  }

  #rename(): void {
    const [column, name] = [this.#columns[this.#pick(this.#columns.length)], this.#freeName()];
    if (column && name !== undefined) this.#renameTo(new Map([[column.name, name]]));
  }

  #swap(): void {
    const [one, other] = this.#columns;
    if (!one || !other) return;
    this.#renameTo(
      new Map([
        [one.name, other.name],
        [other.name, one.name],
      ]),
    );
  }

  /** The server converts the values, and a copy brings what came of it. */
  #retype(): void {
    const column = this.#plain();
    if (!column) return;
    const next = { name: column.name, type: this.#type() };
    this.#columns = this.#columns.map((each) => (each === column ? next : each));
    this.#rows = this.#rows.map((row) => new Map([...row, [next.name, this.#value(next)]]));
    this.#announce(false);
    this.#refresh();
  }

  /** Rows that would be one by the new key are gone. */
  #rekey(): void {
    const names = this.#columns.map(({ name }) => name).filter(() => this.#pick(2) === 0);
    if (names.length === 0) return;
    const before = this.#key;
    this.#key = names;
    const unique = new Map<string, SourceRow>();
    for (const row of this.#rows)
      if (names.every((name) => (row.get(name) ?? null) !== null))
        unique.set(this.#keyOf(row), row);
    const gone = this.#rows.filter((row) => ![...unique.values()].includes(row));
    this.#key = before;
    this.#rows = [...unique.values()];
    this.#commit((ordinal) =>
      gone.map((row, index) => this.#change('d', row, ordinal, 2 * index + 1)),
    );
    this.#key = names;
    this.#announce(false);
    this.#refresh();
  }

  /** A copy of the whole table, in two chunks, and a sweep. */
  #refresh(): void {
    const olderThan = seqAt(this.commits.length + 1, 0);
    const half = this.#rows.length >> 1;
    for (const rows of [this.#rows.slice(0, half), this.#rows.slice(half)])
      this.#commit(
        (ordinal) => rows.map((row, index) => this.#change('r', row, ordinal, 2 * index + 1)),
        undefined,
        false,
      );
    this.#commit([], (ordinal) => [{ kind: 'sweep', ...at(ordinal, 1), olderThan }]);
  }

  #dropTable(): void {
    this.#rows = [];
    this.#exists = false;
    this.#commit([], (ordinal) => [
      { kind: 'truncate', ...at(ordinal, 0) },
      { kind: 'tableDropped', ...at(ordinal, 1) },
    ]);
  }

  #createAgain(): void {
    this.#exists = true;
    if (this.#pick(2) === 0) {
      this.#columns = [...this.#columns].reverse();
      this.#key = [this.#columns[0]?.name ?? ''];
    }
    this.#announce(true);
  }
}

const at = (ordinal: number, row: number) => ({ seq: seqAt(ordinal, row), table: TABLE });

function shownText({ type }: SourceColumn, value: ColumnValue): string | null {
  if (typeof value === 'object' || value === undefined) return null;
  if (type.kind === 'date') return new Date(Number(value) * 86_400_000).toISOString().slice(0, 10);
  if (type.kind === 'binary')
    return `\\x${Buffer.from(String(value), 'base64').toString('hex').toUpperCase()}`;
  return String(value);
}
