import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createConnection } from 'mysql2/promise';
import type { SqlAddress } from '../tools/stack/address.ts';
import { insertSpelledOrders } from './order-data.ts';

export interface PaceTask {
  readonly address: SqlAddress;
  readonly database: string;
  readonly transactions: number;
  readonly perSecond: number;
  readonly rows: number;
}

export interface PaceAnswer {
  /** From the first transaction to the last acknowledgement: more than planned where the writer came too late. */
  readonly tookMs: number;
  /** By transaction, on the clock all threads of this machine share. */
  readonly acknowledgedMs: Float64Array;
}

/** Commits of several sessions share their way to disk. */
const SESSIONS = 8;

const nowMs = (): number => performance.timeOrigin + performance.now();

/** Writes transactions at a pace: each is due at its own time, and the next free session takes it. */
async function writeAtPace(task: PaceTask): Promise<PaceAnswer> {
  const { address, database, transactions, perSecond, rows } = task;
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS }, () => createConnection({ ...address, database })),
  );
  const acknowledgedMs = new Float64Array(transactions);
  const startedAtMs = nowMs();
  let taken = 0;
  await Promise.all(
    sessions.map(async (session) => {
      while (taken < transactions) {
        const index = taken++;
        const waitMs = startedAtMs + (index * 1_000) / perSecond - nowMs();
        if (waitMs > 0) await sleep(waitMs);
        await session.query(insertSpelledOrders('orders', index * rows + 1, rows));
        acknowledgedMs[index] = nowMs();
      }
    }),
  );
  const tookMs = nowMs() - startedAtMs;
  await Promise.all(sessions.map((session) => session.end()));
  return { tookMs, acknowledgedMs };
}

parentPort?.postMessage(await writeAtPace(workerData as PaceTask));
