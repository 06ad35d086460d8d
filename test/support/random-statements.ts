import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { Random } from '../../demo/random.ts';
import type { SqlAddress } from '../../tools/stack/address.ts';
import { CHANGEABLE, kindByChance, kindOf } from './random-values.ts';

/** Names that tables have by turns; `{table}` is made, dropped, renamed and swapped among them. */
export const TABLE_NAMES = ['t0', 't1', 't2', 't3', 'child'] as const;

const IDS = 40;
const MORE_STATEMENTS = 3;

/**
 * What a server says to a statement that what is in the tables does not allow: duplicate keys,
 * rows that a foreign key needs or forbids, values that another type cannot hold, columns that a key needs.
 */
const REFUSALS: ReadonlySet<number> = new Set([
  1062, 1265, 1292, 1366, 1264, 1406, 1451, 1452, 1138, 1171, 1217, 1553, 1701, 1822, 1826, 1828,
  6125, 1829, 1830, 1832, 1833, 1834, 3730, 3780, 1048, 1761, 1091, 3105, 3140, 1690,
]);

interface Column {
  readonly name: string;
  readonly dataType: string;
  readonly isKey: boolean;
}

interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
}

type Made = readonly [kind: string, sql: string] | undefined;

/** One session that writes rows and statements by chance into a database; the same seed asks for the same. */
export class RandomStatements implements AsyncDisposable {
  /** Statements that the server has carried out, by kind. */
  readonly counts: Record<string, number> = {};
  /** The newest, for somebody who wonders how it came to this. */
  readonly log: string[] = [];
  readonly #session: Connection;
  readonly #random: Random;
  readonly #database: string;
  #columns = 0;

  private constructor(session: Connection, database: string, random: Random) {
    this.#session = session;
    this.#database = database;
    this.#random = random;
  }

  /** Makes the database, and one beside it that tables go to and come from. */
  static async open(mysql: SqlAddress, database: string, seed: number): Promise<RandomStatements> {
    const { host, port, user, password } = mysql;
    const session = await createConnection({ host, port, user, password });
    for (const name of [database, `${database}_else`])
      await session.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
    await session.query(`USE ${database}`);
    const opened = new RandomStatements(session, database, new Random(seed));
    for (const name of TABLE_NAMES.slice(0, 3)) await opened.#run(opened.#create(name));
    await opened.act(8);
    return opened;
  }

  async act(times: number): Promise<void> {
    for (let index = 0; index < times; index += 1) {
      const dice = this.#random.below(100);
      if (dice < 50) await this.#run(this.#write(await this.#tables()));
      else if (dice < 62) await this.#transaction();
      else await this.#define(await this.#tables());
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [this.#database, `${this.#database}_else`])
      await this.#session.query(`DROP DATABASE ${name}`);
    await this.#session.end();
  }

  /** @returns whether the server has carried it out */
  async #run(made: Made): Promise<boolean> {
    if (!made) return false;
    const [kind, sql] = made;
    try {
      await this.#session.query(sql);
    } catch (error) {
      const { errno = 0 } = error as { readonly errno?: number };
      if (!REFUSALS.has(errno)) throw new Error(`${sql}: ${String(error)}`, { cause: error });
      this.log.push(`-- refused with ${errno}: ${sql}`);
      return false;
    }
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    this.log.push(sql);
    return true;
  }

  async #tables(): Promise<readonly Table[]> {
    const [rows] = await this.#session.query<RowDataPacket[]>(
      `SELECT table_name AS tableName, column_name AS name, data_type AS dataType, column_key AS columnKey
         FROM information_schema.columns WHERE table_schema = ? AND table_name <> 'marks' AND extra NOT LIKE '%GENERATED%'
        ORDER BY table_name, ordinal_position`,
      [this.#database],
    );
    return [...Map.groupBy(rows, (row) => String(row['tableName']))].map(([name, columns]) => ({
      name,
      columns: columns.map((row) => ({
        name: String(row['name']),
        dataType: String(row['dataType']),
        isKey: row['columnKey'] === 'PRI',
      })),
    }));
  }

  #write(tables: readonly Table[]): Made {
    const [first, ...others] = tables;
    if (!first) return undefined;
    const { name, columns } = this.#random.pick([first, ...others]);
    const free = columns.filter(({ isKey }) => !isKey);
    const [column] = this.#shuffled(free);
    const from = this.#random.below(IDS);
    const where = `id BETWEEN ${from} AND ${from + this.#random.below(6)}`;
    const dice = this.#random.below(100);
    if (dice < 45 || !column) return ['REPLACE', this.#replace(name, columns)];
    const changed = `${column.name} = ${this.#literal(column)}`;
    if (dice < 70) return ['UPDATE', `UPDATE ${name} SET ${changed} WHERE ${where}`];
    if (dice < 85) return ['DELETE', `DELETE FROM ${name} WHERE ${where}`];
    if (dice < 93)
      return [
        'UPDATE of the key',
        `UPDATE ${name} SET id = id + ${100 + this.#random.below(50)} WHERE id = ${from}`,
      ];
    const insert = this.#replace(name, columns).replace('REPLACE', 'INSERT');
    return ['INSERT … ON DUPLICATE KEY', `${insert} ON DUPLICATE KEY UPDATE ${changed}`];
  }

  #replace(name: string, columns: readonly Column[]): string {
    const rows = Array.from({ length: 1 + this.#random.below(5) }, () => {
      const values = columns.map((column) => this.#literal(column));
      return `(${values.join(', ')})`;
    });
    const names = columns.map((column) => column.name).join(', ');
    return `REPLACE INTO ${name} (${names}) VALUES ${rows.join(', ')}`;
  }

  #literal({ name, dataType, isKey }: Column): string {
    if (name === 'id' || name === 'parent') return String(this.#random.below(IDS));
    if (isKey || name === 'part') return String(this.#random.below(3));
    return this.#random.below(6) === 0 ? 'NULL' : kindOf(dataType).literal(this.#random);
  }

  async #transaction(): Promise<void> {
    const tables = await this.#tables();
    await this.#run(['BEGIN', 'BEGIN']);
    for (let index = 0; index <= this.#random.below(MORE_STATEMENTS); index += 1)
      await this.#run(this.#write(tables));
    if (this.#random.below(3) === 0) {
      await this.#run(['SAVEPOINT', 'SAVEPOINT s']);
      await this.#run(this.#write(tables));
      await this.#run(['ROLLBACK TO', 'ROLLBACK TO s']);
    }
    const end = this.#random.below(4) === 0 ? 'ROLLBACK' : 'COMMIT';
    await this.#run([end, end]);
  }

  async #define(tables: readonly Table[]): Promise<void> {
    const [first, ...others] = this.#shuffled(tables);
    const names = tables.map(({ name }) => name);
    const free = this.#shuffled(TABLE_NAMES.filter((name) => !names.includes(name)));
    const [name] = free;
    if (!first) {
      await this.#run(name === undefined ? undefined : this.#create(name));
      return;
    }
    const [second] = others;
    const dice = this.#random.below(100);
    if (dice < 14 && name !== undefined) await this.#run(this.#createBeside(name, first));
    else if (dice < 18) await this.#run(['DROP TABLE', `DROP TABLE ${first.name}`]);
    else if (dice < 24) await this.#run(['TRUNCATE', `TRUNCATE TABLE ${first.name}`]);
    else if (dice < 32 && name !== undefined)
      await this.#run(['RENAME', `RENAME TABLE ${first.name} TO ${name}`]);
    else if (dice < 38 && second)
      await this.#run([
        'swap',
        `RENAME TABLE ${first.name} TO ${this.#database}_else.swapped, ${second.name} TO ${first.name}, ${this.#database}_else.swapped TO ${second.name}`,
      ]);
    else if (dice < 43) await this.#away(first, names);
    else await this.#alter(first);
  }

  /** To the database beside, changed there, and back. */
  async #away({ name }: Table, names: readonly string[]): Promise<void> {
    const there = `${this.#database}_else.${name}`;
    if (!(await this.#run(['out of the database', `RENAME TABLE ${name} TO ${there}`]))) return;
    await this.#run(['DELETE', `DELETE FROM ${there} WHERE id < ${this.#random.below(IDS)}`]);
    await this.#run(this.#write(await this.#tables()));
    const free = TABLE_NAMES.filter((each) => !names.includes(each));
    const back = this.#random.pick([name, name, ...free]);
    await this.#run(['into the database', `RENAME TABLE ${there} TO ${back}`]);
  }

  #create(name: string): Made {
    const random = this.#random;
    const kinds = Array.from({ length: 1 + random.below(3) }, () => kindByChance(random));
    const columns = kinds.map((kind) => `${this.#newColumn()} ${kind.type}`).join(', ');
    const key = random.pick([
      ', PRIMARY KEY (id)',
      ', PRIMARY KEY (id)',
      ', PRIMARY KEY (id)',
      ', PRIMARY KEY (id, part)',
      ', PRIMARY KEY (part, id)',
      '',
    ]);
    return [
      key === '' ? 'CREATE TABLE without a key' : 'CREATE TABLE',
      `CREATE TABLE ${name} (id INT NOT NULL, part INT NOT NULL DEFAULT 0, v VARCHAR(60), ${columns}${key})`,
    ];
  }

  #createBeside(name: string, other: Table): Made {
    switch (this.#random.below(6)) {
      case 0:
        return ['CREATE TABLE … LIKE', `CREATE TABLE ${name} LIKE ${other.name}`];
      case 1:
        return [
          'CREATE TABLE … SELECT',
          `CREATE TABLE ${name} (PRIMARY KEY (id, part)) SELECT * FROM ${other.name}`,
        ];
      case 2:
      case 3:
        return [
          'CREATE TABLE with a foreign key',
          `CREATE TABLE ${name} (id INT PRIMARY KEY, part INT NOT NULL DEFAULT 0, parent INT, v VARCHAR(60), FOREIGN KEY (parent) REFERENCES ${other.name} (id) ON DELETE ${this.#random.pick(['CASCADE', 'SET NULL', 'RESTRICT'])} ON UPDATE ${this.#random.pick(['CASCADE', 'SET NULL', 'RESTRICT'])})`,
        ];
      default:
        return this.#create(name);
    }
  }

  async #alter({ name, columns }: Table): Promise<void> {
    const random = this.#random;
    const alter = `ALTER TABLE ${name}`;
    const [column] = this.#shuffled(
      columns.filter((each) => !['id', 'part', 'v', 'parent'].includes(each.name)),
    );
    const [changed] = this.#shuffled(
      columns.filter(
        ({ name: each, dataType }) =>
          !['id', 'part', 'parent'].includes(each) && dataType in CHANGEABLE,
      ),
    );
    const kind = kindByChance(random);
    const added = this.#newColumn();
    const place = random.pick(['', '', ' FIRST', ' AFTER id']);
    const made: readonly Made[] = [
      ['ADD COLUMN', `${alter} ADD COLUMN ${added} ${kind.type}${place}`],
      kind.constant === undefined
        ? undefined
        : [
            'ADD COLUMN with a default',
            `${alter} ADD COLUMN ${added} ${kind.type} DEFAULT ${kind.constant}${place}`,
          ],
      ['ADD COLUMN with an expression', `${alter} ADD COLUMN ${added} BIGINT DEFAULT (id * 2)`],
      column && ['DROP COLUMN', `${alter} DROP COLUMN ${column.name}`],
      column && ['DROP COLUMN', `${alter} DROP COLUMN ${column.name}`],
      ['DROP and ADD COLUMN', `${alter} DROP COLUMN v, ADD COLUMN v VARCHAR(60)`],
      column && ['RENAME COLUMN', `${alter} RENAME COLUMN ${column.name} TO ${added}`],
      column && [
        'CHANGE COLUMN',
        `${alter} CHANGE COLUMN ${column.name} ${added} ${kindOf(column.dataType).type}`,
      ],
      changed && [
        'MODIFY',
        `${alter} MODIFY ${changed.name} ${kindByChance(random, CHANGEABLE).type}`,
      ],
      changed && [
        'MODIFY',
        `${alter} MODIFY ${changed.name} ${kindByChance(random, CHANGEABLE).type}`,
      ],
      ['MODIFY of the key', `${alter} MODIFY id ${random.pick(['BIGINT', 'INT'])} NOT NULL`],
      ['another key', `${alter} DROP PRIMARY KEY, ADD PRIMARY KEY (id, part)`],
      ['another key', `${alter} DROP PRIMARY KEY, ADD PRIMARY KEY (id)`],
      ['another key', `${alter} DROP PRIMARY KEY, ADD PRIMARY KEY (part, id)`],
      ['DROP PRIMARY KEY', `${alter} DROP PRIMARY KEY`],
      ['ADD PRIMARY KEY', `${alter} ADD PRIMARY KEY (id, part)`],
      ['ADD PRIMARY KEY', `${alter} ADD PRIMARY KEY (id, part)`],
    ];
    const hasKey = columns.some(({ isKey }) => isKey);
    const possible = made.filter(
      (each) =>
        each && (each[0].startsWith('ADD PRIMARY') ? !hasKey : hasKey || !/key/i.test(each[0])),
    );
    await this.#run(this.#shuffled(possible)[0]);
  }

  #newColumn(): string {
    this.#columns += 1;
    return `c${this.#columns}`;
  }

  #shuffled<Item>(items: readonly Item[]): readonly Item[] {
    return items
      .map((item) => [this.#random.below(1_000_000), item] as const)
      .sort(([a], [b]) => a - b)
      .map(([, item]) => item);
  }
}
