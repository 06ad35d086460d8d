import type { BinlogEnd } from '../capture/source-server.ts';
import type { GtidSetText } from '../change/gtid.ts';
import { SluiceError } from '../errors/error.ts';
import type { MysqlSession } from './connection.ts';

/** `SHOW BINARY LOG STATUS` came with 8.2, `SHOW MASTER STATUS` went with 8.4. */
export function statusStatement(version: string): string {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 8 || (major === 8 && minor >= 2) ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS';
}

/** @throws {SluiceError} `mysql.misconfigured` when the server writes no log */
export async function readBinlogEnd(session: MysqlSession, version: string): Promise<BinlogEnd> {
  const [row] = await session.query(statusStatement(version), 'reading the end of the binlog');
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
