import type { Connection } from 'mysql2/promise';

/** Definition of a table of the shop, and the statement that gives it rows. */
export interface ShopTable {
  readonly name: string;
  readonly create: string;
  readonly rows: number;
  /** Columns that `seed` gives; all of them when absent. */
  readonly seeded?: string;
  /** Select list over `n`, one row each; absent when `rows` is 0. */
  readonly seed?: string;
}

/** A number below `bound` that depends on the row and the label alone. */
const dice = (label: string, bound: number): string =>
  `CAST(CRC32(CONCAT('${label}', n)) % ${bound} AS SIGNED)`;

/** 36 characters in the form of a UUID, from a text. */
export const uuidFrom = (text: string): string =>
  `INSERT(INSERT(INSERT(INSERT(LEFT(SHA2(${text}, 256), 32), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-')`;

/** An unsigned BIGINT beyond what signed ones and doubles hold. */
export const skuOf = (n: string): string =>
  `CAST(18446744073709551615 - (${n} - 1) * 3689348814741 AS UNSIGNED)`;

const SEED_MOMENT = `TIMESTAMP'2025-01-01 00:00:00'`;
const momentOf = (label: string): string =>
  `${SEED_MOMENT} + INTERVAL ${dice(label, 31_000_000)} SECOND + INTERVAL ${dice(`${label}us`, 1_000_000)} MICROSECOND`;

const CUSTOMERS = 20_000;
const PRODUCTS = 5_000;
const ORDERS = 25_000;
const ORDER_LINES = 45_000;
export const ACCOUNTS = 1_000;
const VISITS = 2_500;
const DOCUMENTS = 500;

/** What every account holds at first; money only ever moves between `accounts` and `savings`. */
export const OPENING_BALANCE = '1000.00';

export const SHOP_TABLES: readonly ShopTable[] = [
  {
    name: 'customers',
    create: `CREATE TABLE customers (
      id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
      name VARCHAR(80) NOT NULL,
      email VARCHAR(120) CHARACTER SET latin1 NOT NULL,
      tier ENUM('bronze','silver','gold','it''s platinum') NOT NULL,
      interests SET('books','films','garden','music','sport') NOT NULL,
      born DATE NULL,
      created_at TIMESTAMP NOT NULL,
      seen_at TIMESTAMP(6) NULL,
      note TEXT NULL)`,
    rows: CUSTOMERS,
    seed: `${uuidFrom(`CONCAT('customer', n)`)}, CONCAT(ELT(1 + ${dice('first', 5)}, 'Ana', 'Bjørn', '小林', 'Zoë', 'Müller 🎈'), ' ', n),
      CONCAT('c', n, '@ex', CHAR(${dice('mail', 26)} + 97 USING latin1), 'mple.org'), 1 + ${dice('tier', 4)}, ${dice('interests', 32)},
      IF(n % 11 = 0, NULL, DATE'1940-01-01' + INTERVAL ${dice('born', 25_000)} DAY), ${SEED_MOMENT} + INTERVAL ${dice('created', 31_000_000)} SECOND,
      IF(n % 7 = 0, NULL, ${momentOf('seen')}), IF(n % 3 = 0, NULL, REPEAT(CONCAT('note "', n, '"\\\\ \\n'), ${dice('note', 8)}))`,
  },
  {
    name: 'products',
    create: `CREATE TABLE products (
      sku BIGINT UNSIGNED PRIMARY KEY,
      name VARCHAR(60) NOT NULL,
      price DECIMAL(12,4) NOT NULL,
      on_sale BIT(1) NOT NULL,
      flags BIT(12) NOT NULL,
      weight_kg FLOAT NULL,
      density DOUBLE NULL,
      model_year YEAR NULL,
      warranty_left TIME(3) NULL,
      stock MEDIUMINT NOT NULL,
      thumbnail BLOB NULL)`,
    rows: PRODUCTS,
    seed: `${skuOf('n')}, CONCAT('Product ', n), ${dice('price', 10_000_000)} / 10000, ${dice('sale', 2)}, ${dice('flags', 4096)},
      IF(n % 13 = 0, NULL, ${dice('weight', 100_000)} / 7e0), IF(n % 17 = 0, NULL, ${dice('density', 1_000_000)} / 3e9 - 1e-4), IF(n % 5 = 0, NULL, 1901 + ${dice('year', 255)}),
      IF(n % 6 = 0, NULL, SEC_TO_TIME(${dice('time', 6_000_000)} - 3000000 + ${dice('milli', 1000)} / 1000)), ${dice('stock', 8_000_000)} - 4000000,
      IF(n % 4 = 0, NULL, UNHEX(REPEAT(SHA2(CONCAT('thumbnail', n), 256), ${dice('thumbnail', 12)})))`,
  },
  {
    name: 'orders',
    create: `CREATE TABLE orders (
      id BIGINT AUTO_INCREMENT PRIMARY KEY,
      customer_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      status ENUM('new','paid','shipped','returned') NOT NULL,
      net DECIMAL(14,2) NOT NULL,
      tax DECIMAL(30,12) NOT NULL,
      gross DECIMAL(32,12) GENERATED ALWAYS AS (net + tax) STORED,
      placed_at DATETIME(6) NOT NULL,
      details JSON NULL)`,
    rows: ORDERS,
    seeded: '(id, customer_id, status, net, tax, placed_at, details)',
    seed: `n, ${uuidFrom(`CONCAT('customer', 1 + ${dice('buyer', CUSTOMERS)})`)}, 1 + ${dice('status', 4)}, ${dice('net', 1_000_000)} / 100 - 100, ${dice('tax', 1_000_000_000)} / 1e12,
      ${momentOf('placed')}, IF(n % 9 = 0, NULL, JSON_OBJECT('channel', ELT(1 + ${dice('channel', 3)}, 'web', 'app', 'café "Ü"'), 'lines', ${dice('lines', 5)}, 'ratio', ${dice('ratio', 1000)} / 16,
        'tiny', ${dice('tiny', 1000)} * 1e-12, 'big', ${skuOf('n')}, 'gift', n % 2 = 0, 'tags', JSON_ARRAY(n, NULL, CONCAT('t', n), JSON_OBJECT('deep', 1.50))))`,
  },
  {
    name: 'order_lines',
    create: `CREATE TABLE order_lines (
      order_id BIGINT NOT NULL,
      line_no SMALLINT UNSIGNED NOT NULL,
      sku BIGINT UNSIGNED NOT NULL,
      quantity INT NOT NULL,
      unit_price DECIMAL(12,4) NOT NULL,
      PRIMARY KEY (order_id, line_no))`,
    rows: ORDER_LINES,
    seed: `1 + (n - 1) DIV 2, 1 + (n - 1) % 2, ${skuOf(`1 + ${dice('line', PRODUCTS)}`)}, 1 + ${dice('quantity', 20)}, ${dice('unit', 10_000_000)} / 10000`,
  },
  ...['accounts', 'savings'].map(
    (name): ShopTable => ({
      name,
      create: `CREATE TABLE ${name} (
      id INT UNSIGNED PRIMARY KEY,
      balance DECIMAL(18,2) NOT NULL,
      moves INT UNSIGNED NOT NULL)`,
      rows: ACCOUNTS,
      seed: `n, ${OPENING_BALANCE}, 0`,
    }),
  ),
  {
    name: 'visits',
    create: `CREATE TABLE visits (
      id BIGINT AUTO_INCREMENT PRIMARY KEY,
      page VARCHAR(200) NOT NULL,
      seen_at DATETIME(3) NOT NULL,
      seconds DOUBLE NOT NULL)`,
    rows: VISITS,
    seed: `n, CONCAT('/p/', ${dice('page', 500)}), ${momentOf('visit')}, ${dice('seconds', 100_000)} / 7e0`,
  },
  {
    name: 'documents',
    create: `CREATE TABLE documents (
      id INT PRIMARY KEY,
      title VARCHAR(100) NOT NULL,
      body LONGTEXT NULL,
      scan LONGBLOB NULL)`,
    rows: DOCUMENTS,
    seed: `n, CONCAT('Document ', n), REPEAT(CONCAT('paragraph ', n, '. '), ${dice('body', 40)}), UNHEX(REPEAT(SHA2(n, 256), ${dice('scan', 50)}))`,
  },
  {
    name: 'returns',
    create: `CREATE TABLE returns (
      id BIGINT UNSIGNED PRIMARY KEY,
      order_id BIGINT NOT NULL,
      reason VARCHAR(200) NULL)`,
    rows: 0,
  },
  {
    name: 'markers',
    create: `CREATE TABLE markers (
      id INT AUTO_INCREMENT PRIMARY KEY,
      written_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6))`,
    rows: 0,
  },
];

export const SHOP_ROWS = SHOP_TABLES.reduce((sum, { rows }) => sum + rows, 0);

/**
 * Makes a database with the shop's tables and their first rows, the same on every run.
 * @param scale  part of the usual rows, for tests; the bank always has all its accounts
 */
export async function createShop(
  root: Connection,
  database: string,
  { scale = 1 }: { readonly scale?: number } = {},
): Promise<void> {
  await root.query(`CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4`);
  await root.query(`USE \`${database}\``);
  await root.query(`SET SESSION cte_max_recursion_depth = 1000000, time_zone = '+00:00'`);
  for (const { name, create, rows, seeded = '', seed } of SHOP_TABLES) {
    await root.query(create);
    if (seed === undefined) continue;
    const scaled = seed.includes(OPENING_BALANCE) ? rows : Math.ceil(rows * scale);
    await root.query(
      `INSERT INTO ${name} ${seeded} WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${scaled}) SELECT ${seed} FROM numbers`,
    );
  }
}

/** An account that may do what capturing needs and nothing else. */
export async function createReplicationUser(
  root: Connection,
  database: string,
  { user, password }: { readonly user: string; readonly password: string },
): Promise<void> {
  const account = `${root.escape(user)}@'%'`;
  await root.query(`CREATE USER IF NOT EXISTS ${account} IDENTIFIED BY ${root.escape(password)}`);
  await root.query(`GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO ${account}`);
  await root.query(`GRANT SELECT ON \`${database}\`.* TO ${account}`);
}
