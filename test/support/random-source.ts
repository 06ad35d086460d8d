import { type TableName, tableName } from '../../src/change/table.ts';
import { SimulatedMysql, type SimulatedRow, type SimulatedTable } from './simulated-mysql.ts';

const NAMES = ['t0', 't1', 't2', 't3'];

type Tables = Map<TableName, SimulatedTable>;

/** A simulated server that writes rows, and makes, alters, renames, empties and drops tables by chance. */
export class RandomSource {
  readonly server: SimulatedMysql;
  readonly #random: () => number;
  #values = 0;
  #columns = 0;

  constructor(random: () => number) {
    this.#random = random;
    this.server = new SimulatedMysql(random);
    this.server.compresses = () => random() < 0.3;
    for (const name of NAMES.slice(0, 2)) this.#create(name);
    this.act(6);
    this.server.settle();
  }

  act(times: number): void {
    for (let index = 0; index < times; index += 1) {
      if (this.#random() < 0.65) this.#write();
      else this.#pick(this.#statements)();
    }
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  #table(): readonly [TableName, SimulatedTable] | undefined {
    const tables = [...this.server.tables];
    return tables.length === 0 ? undefined : this.#pick(tables);
  }

  #value(): number {
    this.#values += 1;
    return this.#values;
  }

  #write(): void {
    const rows: SimulatedRow[] = [];
    const [name, table] = this.#table() ?? [];
    if (name === undefined || !table) return;
    const live = new Map([...table.rows.values()].map((row) => [row.get('id') ?? 0, row]));
    for (let index = 0; index <= this.#random() * 3; index += 1) {
      const id = Math.floor(this.#random() * 12);
      const before = live.get(id);
      const after = new Map(
        table.columns.map((column) => [column, column === 'id' ? id : this.#value()]),
      );
      if (before && this.#random() < 0.4) {
        rows.push({ table: name, op: 'delete', before });
        live.delete(id);
      } else {
        rows.push(
          before
            ? { table: name, op: 'update', before, after }
            : { table: name, op: 'insert', after },
        );
        live.set(id, after);
      }
    }
    this.server.write(rows);
  }

  readonly #statements: readonly (() => void)[] = [
    () => {
      const free = NAMES.filter((name) => !this.server.tables.has(nameOf(name)));
      if (free.length > 0) this.#create(this.#pick(free), this.#random() < 0.2 ? [] : ['id']);
    },
    () => {
      this.#alter((table) => [`DROP TABLE ${table.id.table}`, undefined]);
    },
    () => {
      this.#alter((table) => [`TRUNCATE TABLE ${table.id.table}`, { ...table, rows: new Map() }]);
    },
    () => {
      this.#rename();
    },
    () => {
      const column = this.#newColumn();
      this.#alter((table) => [
        `ALTER TABLE ${table.id.table} ADD COLUMN ${column} INT DEFAULT 7`,
        withColumn(table, column, 7),
      ]);
    },
    () => {
      const column = this.#newColumn();
      this.#alter((table) => [
        `ALTER TABLE ${table.id.table} ADD COLUMN ${column} INT`,
        withColumn(table, column, null),
      ]);
    },
    () => {
      this.#alter((table) => {
        const column = table.columns.find((name) => !['id', 'v'].includes(name));
        return column === undefined
          ? [`ANALYZE TABLE ${table.id.table}`, table]
          : [`ALTER TABLE ${table.id.table} DROP COLUMN ${column}`, withoutColumn(table, column)];
      });
    },
    () => {
      this.#alter((table) => [
        `ALTER TABLE ${table.id.table} DROP COLUMN v, ADD COLUMN v INT`,
        withColumn(withoutColumn(table, 'v'), 'v', null),
      ]);
    },
    () => {
      const value = this.#value();
      this.#alter((table) => [
        `ALTER TABLE ${table.id.table} MODIFY v INT NOT NULL`,
        withColumn(table, 'v', value),
      ]);
    },
    () => {
      this.#alter((table) => {
        const ids = new Set([...table.rows.values()].map((row) => row.get('id')));
        if (table.key.length > 0 || ids.size < table.rows.size)
          return [`ANALYZE TABLE ${table.id.table}`, table];
        return [`ALTER TABLE ${table.id.table} ADD PRIMARY KEY (id)`, { ...table, key: ['id'] }];
      });
    },
  ];

  #newColumn(): string {
    this.#columns += 1;
    return `c${this.#columns}`;
  }

  #create(name: string, key: readonly string[] = ['id']): void {
    const id = SimulatedMysql.id(name);
    const table = { id, columns: ['id', 'v'], key, rows: new Map() };
    this.server.execute(`CREATE TABLE ${name} (id INT, v INT)`, (tables) => {
      tables.set(tableName(id), table);
    });
  }

  #alter(change: (table: SimulatedTable) => readonly [string, SimulatedTable | undefined]): void {
    const [name, table] = this.#table() ?? [];
    if (name === undefined || !table) return;
    const [sql, after] = change(table);
    this.server.execute(sql, (tables: Tables) => {
      if (after) tables.set(name, after);
      else tables.delete(name);
    });
  }

  #rename(): void {
    const [name, table] = this.#table() ?? [];
    const free = NAMES.filter((other) => !this.server.tables.has(nameOf(other)));
    if (name === undefined || !table || free.length === 0) return;
    const id = SimulatedMysql.id(this.#pick(free));
    this.server.execute(`RENAME TABLE ${table.id.table} TO ${id.table}`, (tables: Tables) => {
      tables.delete(name);
      tables.set(tableName(id), { ...table, id });
    });
  }
}

const nameOf = (table: string): TableName => tableName(SimulatedMysql.id(table));

function withColumn(table: SimulatedTable, column: string, value: number | null): SimulatedTable {
  const rows = new Map(
    [...table.rows].map(([key, row]) => [key, new Map([...row, [column, value]])]),
  );
  const columns = table.columns.includes(column) ? table.columns : [...table.columns, column];
  return { ...table, columns, rows };
}

function withoutColumn(table: SimulatedTable, column: string): SimulatedTable {
  const rows = new Map(
    [...table.rows].map(([key, row]) => {
      const left = new Map(row);
      left.delete(column);
      return [key, left];
    }),
  );
  return { ...table, columns: table.columns.filter((name) => name !== column), rows };
}
