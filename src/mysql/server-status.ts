import type { BinlogEnd } from '../capture/source-server.ts';
import type { GtidSetText } from '../change/gtid.ts';
import { formatGtidSet, parseGtidSet } from '../change/gtid-set.ts';
import { SluiceError } from '../errors/error.ts';
import type { MysqlSession } from './connection.ts';

/** Whether a server's version is at least the given one; `8.4.0-log` and the like. */
function isAtLeast(version: string, ...wanted: readonly [number, number, number]): boolean {
  const numbers = version.split(/[.-]/).slice(0, 3).map(Number);
  for (const [index, least] of wanted.entries()) {
    const number = numbers[index] ?? 0;
    if (number !== least) return number > least;
  }
  return true;
}

/** @throws {SluiceError} `mysql.misconfigured` when the server writes no log */
export async function readBinlogEnd(session: MysqlSession, version: string): Promise<BinlogEnd> {
  const [row] = await session.query(
    // The old name went with 8.4, the new one came with 8.2.
    isAtLeast(version, 8, 2, 0) ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS',
    'reading the end of the binlog',
  );
  if (!row?.['File'])
    throw new SluiceError(
      'mysql.misconfigured',
      `The server ${session.server} writes no binary log: start it with log_bin on.`,
    );
  return { file: row['File'], pos: Number(row['Position']) };
}

/** Whether the server has executed the set within `timeoutMs`. */
export async function executedWithin(
  session: MysqlSession,
  gtidSet: GtidSetText,
  timeoutMs: number,
): Promise<boolean> {
  // A timeout of 0 would wait forever.
  const timeoutS = Math.max(timeoutMs, 1) / 1000;
  const [row] = await session.query(
    'SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS timedOut',
    'waiting for executed transactions',
    [gtidSet, timeoutS],
  );
  return row?.['timedOut'] === '0';
}

/** Longer than the last steps of any commit, and no more than a chunk may well wait. */
const COMMIT_STEPS_MS = 1_000;

/**
 * What the server has executed, with everything that a SELECT before this may have seen.
 *
 * An engine shows a transaction before `gtid_executed` does; in between its GTID is owned (MySQL's
 * sql/binlog.cc: process_commit_stage_queue, then update_commit_group). What was owned is waited for,
 * but not for long: what goes on being owned is a transaction that still runs, of an applier or of a
 * session with a GTID_NEXT of its own, and has shown nobody anything.
 */
export async function readExecuted(
  session: MysqlSession,
): Promise<{ readonly executed: GtidSetText; readonly purged: GtidSetText }> {
  const [before] = await session.query(
    'SELECT @@global.gtid_owned AS owned',
    'reading what is being committed',
  );
  const owned = ownedGtids(before?.['owned'] ?? '');
  if (owned !== '') await executedWithin(session, owned, COMMIT_STEPS_MS);
  const [row] = await session.query(
    'SELECT @@global.gtid_executed AS executed, @@global.gtid_purged AS purged',
    'reading what has been executed',
  );
  return {
    executed: canonicalGtids(row?.['executed']),
    purged: canonicalGtids(row?.['purged']),
  };
}

/** `uuid:number#thread`, with as many threads as there are owners. */
const ownedGtids = (text: string): GtidSetText => canonicalGtids(text.replace(/#\d+/g, ''));

/** A set as the server prints it, in the form that is on record. */
export function canonicalGtids(gtidSet: string | null | undefined): GtidSetText {
  return formatGtidSet(parseGtidSet(gtidSet ?? ''));
}

/** Whether the server itself replicates from another one. Needs REPLICATION CLIENT. */
export async function isReplica(session: MysqlSession, version: string): Promise<boolean> {
  const statement = isAtLeast(version, 8, 0, 22) ? 'SHOW REPLICA STATUS' : 'SHOW SLAVE STATUS';
  return (await session.query(statement, 'asking whether the server is a replica')).length > 0;
}
