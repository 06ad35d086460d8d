import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, createConnection } from 'mysql2/promise';
import type { SqlAddress } from '../tools/stack/address.ts';
import { Random } from './random.ts';
import { type RareEvent, SHOP_TRANSACTIONS, transferMoney } from './shop-transactions.ts';

export interface WorkloadOptions {
  readonly mysql: SqlAddress;
  readonly database: string;
  readonly seed: number;
  /** Of the shop and of the bank, each. A server too slow for it gets as many as it can do. */
  readonly transactionsPerSecond: number;
  readonly events?: readonly RareEvent[];
  /** Hears the name of every event that is over. */
  readonly onEvent?: (name: string) => void;
  /** Once aborted, the workload fails with its reason. */
  readonly signal?: AbortSignal;
}

export interface Workload {
  /** Transactions done, by name; grows while the workload runs. */
  readonly counts: Readonly<Record<string, number>>;
  /** All events are over; rejects as soon as any statement fails. */
  readonly eventsDone: Promise<void>;
  /** Rejects when a statement fails; never resolves. */
  readonly failed: Promise<never>;
  /** Waits for something that needs the workload to go on: rejects as soon as a statement fails. */
  during<Result>(waiting: Promise<Result>): Promise<Result>;
  /** Puts an event in as the shop's next transaction and returns when it is over. */
  happen(event: RareEvent): Promise<void>;
  /** Lets the transactions under way end. Rejects when any statement failed. */
  stop(): Promise<void>;
}

/**
 * Writes to the shop until it is stopped: one connection lives the shop's life, a second one moves
 * money. Nothing that fails is tried again: a failed statement ends the workload.
 */
export async function startWorkload(options: WorkloadOptions): Promise<Workload> {
  const { mysql, database, seed, transactionsPerSecond, events = [], onEvent, signal } = options;
  const stopping = new AbortController();
  const counts: Record<string, number> = {};
  const done = Promise.withResolvers<void>();
  const pending = events.toSorted((a, b) => a.afterMs - b.afterMs);
  const asked: { readonly event: RareEvent; readonly over: () => void }[] = [];
  const startedAtMs = Date.now();

  const count = (name: string): void => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  const live = async (db: Connection, random: Random, event: RareEvent): Promise<void> => {
    await event.run(db, random);
    count(event.name);
    onEvent?.(event.name);
  };
  const shop = async (db: Connection, random: Random): Promise<void> => {
    signal?.throwIfAborted();
    const now = asked.shift();
    const due = pending[0];
    if (now !== undefined) {
      await live(db, random, now.event);
      now.over();
    } else if (due !== undefined && Date.now() >= startedAtMs + due.afterMs) {
      await live(db, random, due);
      pending.shift();
    } else {
      const transaction = choose(random);
      await transaction.run(db, random);
      count(transaction.name);
    }
    if (pending.length === 0) done.resolve();
  };
  const bank = async (db: Connection, random: Random): Promise<void> => {
    signal?.throwIfAborted();
    await transferMoney(db, random);
    count('money moved');
  };

  const everyMs = 1_000 / transactionsPerSecond;
  const write = (step: typeof shop, itsSeed: number): Promise<void> =>
    repeat(mysql, database, everyMs, new Random(itsSeed), step, stopping);
  const running = Promise.all([write(shop, seed), write(bank, seed + 1)]);
  running.catch(done.reject);
  const failed = new Promise<never>((_, reject) => {
    running.catch(reject);
  });
  failed.catch(() => undefined);
  // Whoever waits for none of these promises still hears of the failure from `stop`.
  done.promise.catch(() => undefined);
  return {
    counts,
    eventsDone: done.promise,
    failed,
    during: (waiting) => Promise.race([waiting, failed]),
    happen: (event) =>
      Promise.race([new Promise<void>((over) => asked.push({ event, over })), failed]),
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

async function repeat(
  mysql: SqlAddress,
  database: string,
  everyMs: number,
  random: Random,
  step: (db: Connection, random: Random) => Promise<void>,
  stopping: AbortController,
): Promise<void> {
  const db = await createConnection({ ...mysql, database, timezone: 'Z' });
  let dueAtMs = Date.now();
  try {
    while (!stopping.signal.aborted) {
      await step(db, random);
      dueAtMs = Math.max(dueAtMs + everyMs, Date.now() - everyMs);
      const waitMs = dueAtMs - Date.now();
      if (waitMs > 0)
        await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    await db.end();
  } catch (error) {
    stopping.abort();
    db.destroy();
    throw error;
  }
}

const TOTAL_WEIGHT = SHOP_TRANSACTIONS.reduce((sum, { weight }) => sum + weight, 0);

function choose(random: Random): (typeof SHOP_TRANSACTIONS)[number] {
  let left = random.below(TOTAL_WEIGHT);
  for (const transaction of SHOP_TRANSACTIONS) {
    if (left < transaction.weight) return transaction;
    left -= transaction.weight;
  }
  return SHOP_TRANSACTIONS[0];
}
