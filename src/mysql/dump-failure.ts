import type { ErrorCode } from '../errors/catalogue.ts';
import { SluiceError } from '../errors/error.ts';
import { mysqlFailure, ServerAnswer } from './failure.ts';

const FATAL_ERROR_READING_BINLOG = 1236;
const UNKNOWN_TARGET_BINLOG = 1373;

/**
 * What the dump thread says before it ends, by its words: one error number serves for all of them.
 * Both vocabularies are listed, source/replica (8.0.26 and later) and master/slave.
 */
const BY_TEXT: readonly (readonly [RegExp, ErrorCode])[] = [
  [/purged required (binary logs|GTIDs)|purged binary logs containing GTIDs/i, 'binlog.purged'],
  [/could not find (first log file name|next log|log file)/i, 'binlog.purged'],
  [/more GTIDs than the (source|master)/i, 'binlog.diverged'],
  [/position > file size/i, 'binlog.diverged'],
  [/same server_(uu)?id/i, 'mysql.taken-over'],
  [/max_allowed_packet/i, 'mysql.packet-too-large'],
  [/crc check|checksum verification failed/i, 'binlog.checksum'],
  [/bogus data|truncated in the middle|I\/O error|read error/i, 'binlog.truncated'],
  [/server.?id (was|is) not set|server_id is 0/i, 'mysql.misconfigured'],
  [/binary log is not open/i, 'mysql.misconfigured'],
  [/GTID_MODE|AUTO_POSITION/i, 'mysql.misconfigured'],
  [/replication events with the checksum/i, 'mysql.misconfigured'],
];

/**
 * The SluiceError of an ERR packet that ends a dump.
 *
 * Layout behind 0xff: error number 2 (little-endian), '#' and SQL state 5, text to the end.
 */
export function dumpFailure(body: Buffer, server: string): SluiceError {
  const errno = body.length >= 2 ? body.readUInt16LE(0) : 0;
  const textAt = body[2] === 0x23 ? 8 : 2;
  const text = body.toString('utf8', textAt).replace(/\.$/, '');
  const code = dumpErrorCode(errno, text);
  if (code === undefined)
    return mysqlFailure(Object.assign(new Error(text), { errno }), 'reading the binlog', server);
  return new SluiceError(code, `The binlog of ${server} ended: ${text} (error ${errno}).`, {
    cause: new ServerAnswer(errno, 'ER_DUMP', text),
    facts: { server, errno },
  });
}

function dumpErrorCode(errno: number, text: string): ErrorCode | undefined {
  if (errno === UNKNOWN_TARGET_BINLOG) return 'binlog.purged';
  const known = BY_TEXT.find(([pattern]) => pattern.test(text));
  if (known) return known[1];
  return errno === FATAL_ERROR_READING_BINLOG ? 'mysql.dump-refused' : undefined;
}
