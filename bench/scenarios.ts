import type { Size } from './options.ts';
import { insertOrders, insertOrdersFrom, ORDER_COLUMNS } from './order-data.ts';

export const SCENARIO_NAMES = [
  'bulk',
  'single',
  'update-delete',
  'wide',
  'many-tables',
  'huge-transaction',
  'snapshot',
  'latency',
  'sink',
  'memory',
  'fleet-of-tables',
] as const;

export type ScenarioName = (typeof SCENARIO_NAMES)[number];

export interface BenchTable {
  readonly name: string;
  /** Column list with its parentheses. */
  readonly columns: string;
}

/** What a scenario does to its database at one size. */
export interface Workload {
  readonly tables: readonly BenchTable[];
  /** Rows that are there before anybody's position. */
  readonly seed: Iterable<string>;
  /** What is measured; each statement is a transaction. */
  readonly load: Iterable<string>;
  /** Changes to report on; with tombstones a table's topic holds more records. */
  readonly rows: number;
  readonly records: number;
}

/** What counts as the start and the end of a run. */
export type ScenarioKind =
  /** Changes written while the program is away; from their first to their last record. */
  | 'backlog'
  /** Rows written before the program first ran; from their first to their last record. */
  | 'snapshot'
  /** Paced changes; from the acknowledged commit to the fetch that shows its last row. */
  | 'latency'
  /** Topics full, sink paused; from the first to the last row in the warehouse. */
  | 'sink'
  /** Paced changes for minutes; what the program holds in memory. */
  | 'memory'
  /** Thousands of tables from nothing to streaming, copied and loaded; then changes of all of them. */
  | 'fleet';

export interface Scenario {
  readonly name: ScenarioName;
  readonly kind: ScenarioKind;
  readonly data: string;
  /** Rows; for paced scenarios seconds, for a fleet tables. */
  readonly size: Readonly<Record<Size, number>>;
  readonly partitions: number;
  /** Of ten rows each, in a paced scenario. */
  readonly transactionsPerSecond?: number;
  readonly workload: (size: number) => Workload;
}

const ORDERS: readonly BenchTable[] = [{ name: 'orders', columns: ORDER_COLUMNS }];

const inserts = (rows: number, load: Iterable<string>, tables = ORDERS): Workload => ({
  tables,
  seed: [],
  load,
  rows,
  records: rows,
});

/** Each of half as many rows is updated and later deleted; a delete is two records. */
function updatesAndDeletes(changes: number): Workload {
  const rows = changes / 2;
  const perTransaction = 100;
  function* load(): Generator<string> {
    for (let first = 1; first <= rows; first += perTransaction) {
      const block = `BETWEEN ${first} AND ${Math.min(rows, first + perTransaction - 1)}`;
      yield `UPDATE orders SET status = 'changed', amount = amount + 1, updated_at = updated_at + INTERVAL 1 HOUR WHERE id ${block}`;
    }
    for (let first = 1; first <= rows; first += perTransaction)
      yield `DELETE FROM orders WHERE id BETWEEN ${first} AND ${Math.min(rows, first + perTransaction - 1)}`;
  }
  const seed = insertOrders('orders', rows, 3_000);
  return { tables: ORDERS, seed, load: load(), rows: changes, records: changes + rows };
}

const WIDE: readonly BenchTable[] = [
  {
    name: 'documents',
    columns:
      '(id BIGINT PRIMARY KEY, body TEXT NOT NULL, details JSON NOT NULL, scan BLOB NOT NULL)',
  },
];

/** About 4 KB a row from random bytes: text at 4 : 3, JSON of hexadecimal digits, a blob as it is. */
function* insertDocuments(rows: number): Generator<string> {
  const perTransaction = 20;
  for (let first = 1; first <= rows; first += perTransaction) {
    const count = Math.min(perTransaction, rows - first + 1);
    yield `INSERT INTO documents SELECT ${first} + n, TO_BASE64(RANDOM_BYTES(1000)), JSON_OBJECT('id', ${first} + n, 'digest', HEX(RANDOM_BYTES(700))), RANDOM_BYTES(1000) FROM bench_numbers.numbers WHERE n < ${count}`;
  }
}

const TABLES = 200;

/** Transactions of ten rows, each into a table drawn by a fixed generator. */
function* insertAnywhere(rows: number): Generator<string> {
  const perTransaction = 10;
  let drawn = 12_345;
  for (let first = 1; first <= rows; first += perTransaction) {
    drawn = (Math.imul(drawn, 1_103_515_245) + 12_345) & 0x7fffffff;
    const table = `orders_${(drawn >>> 8) % TABLES}`;
    yield insertOrdersFrom(table, first, Math.min(perTransaction, rows - first + 1));
  }
}

const FLEET_ROWS = 100;
const FLEET_CHANGES = 40;

/** Small tables; then updates of ten neighbours each, the tables in turn, another part of them each time. */
function fleet(count: number): Workload {
  const perTransaction = 10;
  const tables = Array.from({ length: count }, (_, index) => ({
    name: `orders_${index}`,
    columns: ORDER_COLUMNS,
  }));
  function* seed(): Generator<string> {
    for (const { name } of tables) yield insertOrdersFrom(name, 1, FLEET_ROWS);
  }
  function* load(): Generator<string> {
    for (let first = 1; first < FLEET_CHANGES; first += perTransaction)
      for (const { name } of tables)
        yield `UPDATE ${name} SET amount = amount + 1 WHERE id BETWEEN ${first} AND ${first + perTransaction - 1}`;
  }
  const changes = count * FLEET_CHANGES;
  return { tables, seed: seed(), load: load(), rows: changes, records: changes };
}

const PACED: Workload = { tables: ORDERS, seed: [], load: [], rows: 0, records: 0 };

export const SCENARIOS: Readonly<Record<ScenarioName, Scenario>> = {
  bulk: {
    name: 'bulk',
    kind: 'backlog',
    data: 'inserts of 7 columns, about 110 bytes a row, 1,000 rows a transaction',
    size: { full: 2_000_000, quick: 200_000, tiny: 4_000 },
    partitions: 3,
    workload: (rows) => inserts(rows, insertOrders('orders', rows, 1_000)),
  },
  single: {
    name: 'single',
    kind: 'backlog',
    data: 'the same rows, one a transaction',
    size: { full: 400_000, quick: 50_000, tiny: 1_000 },
    partitions: 3,
    workload: (rows) => inserts(rows, insertOrders('orders', rows, 1)),
  },
  'update-delete': {
    name: 'update-delete',
    kind: 'backlog',
    data: 'updates and deletes with before images, 100 rows a transaction',
    size: { full: 1_000_000, quick: 100_000, tiny: 2_000 },
    partitions: 3,
    workload: updatesAndDeletes,
  },
  wide: {
    name: 'wide',
    kind: 'backlog',
    data: 'rows of about 4 KB: text, JSON and blob of random bytes, 20 rows a transaction',
    size: { full: 200_000, quick: 10_000, tiny: 500 },
    partitions: 3,
    workload: (rows) => inserts(rows, insertDocuments(rows), WIDE),
  },
  'many-tables': {
    name: 'many-tables',
    kind: 'backlog',
    data: `${TABLES} tables, a random one for each transaction of 10 rows`,
    size: { full: 1_000_000, quick: 50_000, tiny: 2_000 },
    partitions: 1,
    workload: (rows) => {
      const tables = Array.from({ length: TABLES }, (_, index) => ({
        name: `orders_${index}`,
        columns: ORDER_COLUMNS,
      }));
      return inserts(rows, insertAnywhere(rows), tables);
    },
  },
  'huge-transaction': {
    name: 'huge-transaction',
    kind: 'backlog',
    data: 'one transaction',
    size: { full: 2_000_000, quick: 100_000, tiny: 5_000 },
    partitions: 3,
    workload: (rows) => inserts(rows, [insertOrdersFrom('orders', 1, rows)]),
  },
  snapshot: {
    name: 'snapshot',
    kind: 'snapshot',
    data: 'a table that was there before, beside an idle stream',
    size: { full: 2_000_000, quick: 100_000, tiny: 3_000 },
    partitions: 3,
    workload: (rows) => inserts(rows, insertOrders('orders', rows, 3_000)),
  },
  latency: {
    name: 'latency',
    kind: 'latency',
    data: '40,000 rows/s in transactions of 10 rows',
    size: { full: 60, quick: 10, tiny: 2 },
    partitions: 3,
    transactionsPerSecond: 4_000,
    workload: () => PACED,
  },
  sink: {
    name: 'sink',
    kind: 'sink',
    data: 'the rows of bulk from full topics into DuckDB',
    size: { full: 1_000_000, quick: 100_000, tiny: 3_000 },
    partitions: 3,
    workload: (rows) => inserts(rows, insertOrders('orders', rows, 1_000)),
  },
  memory: {
    name: 'memory',
    kind: 'memory',
    data: '10,000 rows/s in transactions of 10 rows, for minutes',
    size: { full: 600, quick: 10, tiny: 2 },
    partitions: 3,
    transactionsPerSecond: 1_000,
    workload: () => PACED,
  },
  'fleet-of-tables': {
    name: 'fleet-of-tables',
    kind: 'fleet',
    data: `tables of ${FLEET_ROWS} rows each into DuckDB, then ${FLEET_CHANGES} changes of each`,
    size: { full: 5_000, quick: 500, tiny: 20 },
    partitions: 1,
    workload: fleet,
  },
};
