import type { Connection } from 'mysql2/promise';
import type { Random } from './random.ts';
import { ACCOUNTS, skuOf, uuidFrom } from './shop-schema.ts';

/** One source transaction of the shop's daily life. */
export interface ShopTransaction {
  readonly name: string;
  /** How often it happens, against the others. */
  readonly weight: number;
  run(db: Connection, random: Random): Promise<void>;
}

/** Ids the transactions aim at; some miss, as deletes make holes. */
const CUSTOMERS = 20_000;
const PRODUCTS = 5_000;
const ORDERS = 25_000;
const MOST_LINES = 4;

const customerId = (n: number): string => uuidFrom(`'customer${n}'`);
const sku = (random: Random): string => skuOf(String(1 + random.below(PRODUCTS)));
const orderId = (random: Random): number => 1 + random.below(ORDERS);

async function inTransaction(db: Connection, work: () => Promise<void>): Promise<void> {
  await db.beginTransaction();
  await work();
  await db.commit();
}

/** An order, its lines and the stock of its products: three tables, one transaction. */
async function placeOrder(db: Connection, random: Random): Promise<void> {
  const net = `${random.below(100_000)}.${10 + random.below(90)}`;
  const details = JSON.stringify({
    channel: 'web',
    note: `n${random.below(1e6)} “quoted” \\ é`,
    weights: [0.1, 1e-7, 1.5e300, random.below(1e9)],
  });
  await db.execute(
    `INSERT INTO orders (customer_id, status, net, tax, placed_at, details) VALUES (${customerId(1 + random.below(CUSTOMERS))}, 'new', ?, ?, NOW(6), ?)`,
    [net, `0.${String(random.below(1e9)).padStart(12, '0')}`, details],
  );
  const [[order]] = (await db.query('SELECT LAST_INSERT_ID() AS id')) as unknown as [
    [{ id: number }],
  ];
  for (let line = 1; line <= 1 + random.below(MOST_LINES); line += 1) {
    const product = sku(random);
    const quantity = 1 + random.below(9);
    await db.query(`INSERT INTO order_lines VALUES (?, ?, ${product}, ?, ?)`, [
      order.id,
      line,
      quantity,
      `${random.below(1000)}.0001`,
    ]);
    await db.query(`UPDATE products SET stock = stock - ? WHERE sku = ${product}`, [quantity]);
  }
}

async function changeProduct(db: Connection, random: Random): Promise<void> {
  await db.query(
    `UPDATE products SET price = ?, on_sale = 1 - on_sale, flags = flags ^ ?, weight_kg = ?, density = ?, model_year = ?, warranty_left = ?, thumbnail = ? WHERE sku = ${sku(random)}`,
    [
      `${random.below(100_000)}.${1000 + random.below(9000)}`,
      1 + random.below(4095),
      random.below(1e6) / 3,
      random.below(1e9) * 1e-21,
      1901 + random.below(255),
      `${random.pick(['', '-'])}${random.below(800)}:${random.below(60)}:${random.below(60)}.${random.below(1000)}`,
      random.below(5) === 0 ? null : random.bytes(random.below(300)),
    ],
  );
}

/** A row leaves its key, and another one may come to live there later. */
async function changeKeys(db: Connection, random: Random): Promise<void> {
  const old = random.below(CUSTOMERS);
  await db.query(
    `UPDATE customers SET id = ${uuidFrom(`'moved${old}-${random.below(1e9)}'`)} WHERE id = ${customerId(old)}`,
  );
  await db.query(
    `UPDATE order_lines SET line_no = line_no + 1 WHERE order_id = ? ORDER BY line_no DESC`,
    [orderId(random)],
  );
}

export const SHOP_TRANSACTIONS: readonly [ShopTransaction, ...ShopTransaction[]] = [
  {
    name: 'order placed',
    weight: 25,
    run: (db, random) => inTransaction(db, () => placeOrder(db, random)),
  },
  {
    name: 'order changed',
    weight: 20,
    run: async (db, random) => {
      await db.query(
        `UPDATE orders SET status = 1 + status % 4, tax = tax + 0.000000000001, details = JSON_SET(COALESCE(details, '{}'), '$.seen', ?, '$.at', NOW(6)) WHERE id = ?`,
        [random.below(1000), orderId(random)],
      );
    },
  },
  {
    name: 'order deleted',
    weight: 8,
    run: (db, random) =>
      inTransaction(db, async () => {
        const id = orderId(random);
        await db.query('DELETE FROM order_lines WHERE order_id = ?', [id]);
        await db.query('DELETE FROM orders WHERE id = ?', [id]);
      }),
  },
  { name: 'product changed', weight: 15, run: changeProduct },
  { name: 'keys changed', weight: 8, run: changeKeys },
  {
    name: 'customer came back',
    weight: 4,
    run: async (db, random) => {
      const n = random.below(CUSTOMERS);
      await db.query(
        `INSERT INTO customers (id, name, email, tier, interests, born, created_at, seen_at, note) VALUES (${customerId(n)}, ?, 'back@example.org', 'gold', 'books,sport', NULL, NOW(), NOW(6), '') ON DUPLICATE KEY UPDATE seen_at = NOW(6), note = NULL`,
        [`Back ${random.below(1e6)} ✓`],
      );
    },
  },
  {
    name: 'customer left',
    weight: 3,
    run: async (db, random) => {
      await db.query(`DELETE FROM customers WHERE id = ${customerId(random.below(CUSTOMERS))}`);
    },
  },
  {
    name: 'visits written',
    weight: 15,
    run: async (db, random) => {
      const rows = Array.from({ length: 1 + random.below(8) }, () => [
        `/p/${random.below(500)}?q=ü`,
        random.below(1e6) / 7,
      ]);
      await db.query('INSERT INTO visits (page, seen_at, seconds) VALUES ?', [
        rows.map(([page, seconds]) => [page, new Date(), seconds]),
      ]);
    },
  },
  {
    name: 'visit deleted',
    weight: 3,
    run: async (db) => {
      await db.query('DELETE FROM visits ORDER BY id LIMIT 2');
    },
  },
  {
    name: 'rolled back',
    weight: 5,
    run: async (db, random) => {
      await db.beginTransaction();
      await placeOrder(db, random);
      await db.query('UPDATE documents SET title = ? WHERE id = ?', [
        'never committed',
        1 + random.below(400),
      ]);
      await db.rollback();
    },
  },
];

/** Money moves between two tables; the sum over both never changes. */
export async function transferMoney(db: Connection, random: Random): Promise<void> {
  const cents = 1 + random.below(20_000);
  const amount = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
  const [from, to] = random.below(2) === 0 ? ['accounts', 'savings'] : ['savings', 'accounts'];
  await inTransaction(db, async () => {
    await db.query(`UPDATE ${from} SET balance = balance - ?, moves = moves + 1 WHERE id = ?`, [
      amount,
      1 + random.below(ACCOUNTS),
    ]);
    await db.query(`UPDATE ${to} SET balance = balance + ?, moves = moves + 1 WHERE id = ?`, [
      amount,
      1 + random.below(ACCOUNTS),
    ]);
  });
}

/** Something that happens once, at a time after the workload's start. */
export interface RareEvent {
  readonly name: string;
  readonly afterMs: number;
  run(db: Connection, random: Random): Promise<void>;
}

const MEGABYTE = 1_000_000;
const HUGE_ORDER_ID = 10_000_000;
const HUGE_LINES = 50_000;

/** One transaction of 50,000 rows. */
export const HUGE_TRANSACTION: RareEvent = {
  name: `a transaction of ${HUGE_LINES.toLocaleString('en-US')} rows`,
  afterMs: 0,
  run: (db) =>
    inTransaction(db, async () => {
      await db.query('SET SESSION cte_max_recursion_depth = 1000000');
      await db.query(
        `INSERT INTO order_lines WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${HUGE_LINES}) SELECT ${HUGE_ORDER_ID} + n DIV 10, n % 10, ${skuOf('1 + n % 5000')}, n % 90, n / 7 FROM numbers`,
      );
    }),
};

/** Every row of the huge transaction once more, in another one. */
export const HUGE_UPDATE: RareEvent = {
  name: `an update of ${HUGE_LINES.toLocaleString('en-US')} rows`,
  afterMs: 0,
  run: async (db) => {
    await db.query(
      `UPDATE order_lines SET quantity = quantity + 1 WHERE order_id >= ${HUGE_ORDER_ID}`,
    );
  },
};

/** What a day may bring besides the usual, spread over half a minute. */
export const RARE_EVENTS: readonly RareEvent[] = [
  {
    name: 'ADD COLUMN',
    afterMs: 5_000,
    run: async (db) => {
      await db.query('ALTER TABLE customers ADD COLUMN loyalty DECIMAL(8,3) NULL AFTER tier');
      await db.query('UPDATE customers SET loyalty = CHAR_LENGTH(name) / 7 ORDER BY id LIMIT 500');
    },
  },
  {
    name: 'a row of 5 MB',
    afterMs: 9_000,
    run: async (db, random) => {
      await db.query('INSERT INTO documents VALUES (?, ?, NULL, ?)', [
        1_000_000,
        'Large',
        random.bytes(5 * MEGABYTE),
      ]);
    },
  },
  {
    // Stored rows get a value that no record of theirs shows, only the control topic.
    name: 'ADD COLUMN with a DEFAULT',
    afterMs: 14_000,
    run: async (db) => {
      await db.query(`ALTER TABLE products ADD COLUMN origin CHAR(2) NOT NULL DEFAULT 'EU'`);
      await db.query(`UPDATE products SET origin = 'CH' ORDER BY sku LIMIT 300`);
    },
  },
  {
    name: 'TRUNCATE',
    afterMs: 19_000,
    run: async (db) => {
      await db.query('TRUNCATE TABLE visits');
    },
  },
  {
    name: 'a key change of thousands of rows',
    afterMs: 22_000,
    run: async (db) => {
      await db.query(
        'UPDATE order_lines SET order_id = order_id + 20000000 WHERE order_id <= 2500 ORDER BY order_id DESC',
      );
    },
  },
];
