/**
 * The table most scenarios write: seven columns, about 110 bytes a row in the log. Every value is
 * a function of the id, so that what arrives can be checked and every run has the same data.
 */
export const ORDER_COLUMNS = `(
  id BIGINT PRIMARY KEY,
  customer_id INT NOT NULL,
  status VARCHAR(16) NOT NULL,
  amount DECIMAL(12,2) NOT NULL,
  note VARCHAR(120) NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at TIMESTAMP NOT NULL)`;

/** Numbers 0 to 2,999 for statements that make rows on the server. */
const NUMBERS_DATABASE = 'bench_numbers';
const NUMBERS = `${NUMBERS_DATABASE}.numbers`;
const HIGHEST = 3_000;

export const MAKE_NUMBERS: readonly string[] = [
  `CREATE DATABASE IF NOT EXISTS ${NUMBERS_DATABASE}`,
  `CREATE TABLE IF NOT EXISTS ${NUMBERS} (n INT PRIMARY KEY)`,
  'SET SESSION cte_max_recursion_depth = 10000',
  `INSERT IGNORE INTO ${NUMBERS} WITH RECURSIVE counted AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < ${HIGHEST}) SELECT n FROM counted`,
];

/** Select list of an order, over an SQL expression for its id. */
function orderOf(id: string): string {
  return [
    id,
    `(${id}) * 7919 % 100000`,
    `ELT(1 + (${id}) % 4, 'new', 'paid', 'shipped', 'returned')`,
    `(${id}) % 1000000 / 100`,
    `CONCAT('note for order ', ${id}, ' ', LEFT(SHA2(${id}, 256), 32))`,
    `TIMESTAMP'2026-01-01 00:00:00' + INTERVAL (${id}) % 20000000 SECOND + INTERVAL (${id}) % 1000000 MICROSECOND`,
    `TIMESTAMP'2026-01-01 00:00:00' + INTERVAL (${id}) % 20000000 SECOND`,
  ].join(', ');
}

/** What `orderOf` makes of an id, in the columns that every program writes alike. */
export function expectedOrder(id: number): {
  readonly id: number;
  readonly customer_id: number;
  readonly status: string;
} {
  return {
    id,
    customer_id: (id * 7919) % 100_000,
    status: ['new', 'paid', 'shipped', 'returned'][id % 4] ?? '',
  };
}

/** One statement, and so one transaction, per `perTransaction` orders with ids from 1. */
export function* insertOrders(
  table: string,
  rows: number,
  perTransaction: number,
): Generator<string> {
  for (let first = 1; first <= rows; first += perTransaction) {
    const count = Math.min(perTransaction, rows - first + 1);
    yield insertOrdersFrom(table, first, count);
  }
}

/** Orders like these, spelled out: what the server and the writer need least for, so that a pace is kept. */
export function insertSpelledOrders(table: string, first: number, count: number): string {
  const rows = Array.from({ length: count }, (_, index) => {
    const id = first + index;
    const { customer_id: customer, status } = expectedOrder(id);
    const cents = id % 1_000_000;
    const note = `note for order ${id} ${String(id).padStart(32, '0')}`;
    return `(${id},${customer},'${status}',${cents / 100},'${note}','${SECOND}.${cents}','${SECOND}')`;
  });
  return `INSERT INTO ${table} VALUES ${rows.join(',')}`;
}

const SECOND = '2026-01-01 00:00:00';

export function insertOrdersFrom(table: string, first: number, count: number): string {
  if (count === 1) return `INSERT INTO ${table} SELECT ${orderOf(String(first))}`;
  if (count <= HIGHEST)
    return `INSERT INTO ${table} SELECT ${orderOf(`${first} + n`)} FROM ${NUMBERS} WHERE n < ${count}`;
  const thousands = Math.ceil(count / 1_000);
  const id = `${first} + a.n * 1000 + b.n`;
  return `INSERT INTO ${table} SELECT ${orderOf(id)} FROM ${NUMBERS} a JOIN ${NUMBERS} b ON b.n < 1000 WHERE a.n < ${thousands} AND a.n * 1000 + b.n < ${count}`;
}
