import { isAscii } from 'node:buffer';
import { SluiceError } from '../errors/error.ts';
import { ByteReader } from './byte-reader.ts';
import type { BinlogEvent, EventHeader } from './event.ts';
import { textDecoding } from './values/text.ts';

type StatementEvent = Extract<BinlogEvent, { kind: 'query' | 'begin' }>;

/** Status variables whose lengths are needed to come as far as the charset. */
const STATUS = { flags2: 0, sqlMode: 1, autoIncrement: 3, charset: 4, catalog: 6 } as const;

/**
 * thread_id4 seconds4 database_length1 error2 status_length2 status database 0 text
 *
 * The text has the charset of the client that sent it. It serves to tell statements apart, so one
 * that cannot be decoded exactly is read as UTF-8, with replacement characters.
 *
 * @param charsetOf MySQL's name of a collation's charset
 * @see libs/mysql/binlog/event/statement_events.h: Query_event
 */
export function decodeQuery(
  header: EventHeader,
  body: ByteReader,
  charsetOf: (collationId: number) => string,
): StatementEvent {
  const threadId = body.u32();
  body.take(4);
  const databaseLength = body.u8();
  body.take(2);
  const statusBytes = body.u16();
  const status = body.take(statusBytes);
  if (isBegin(body, body.at + databaseLength + 1)) return { kind: 'begin', header };
  const { sqlMode, clientCollation } = readStatus(
    new ByteReader(body.buffer, status, status + statusBytes),
  );
  const database = body.utf8(databaseLength);
  body.take(1);
  return {
    kind: 'query',
    header,
    database,
    sql: readSql(body, clientCollation, charsetOf),
    sqlMode,
    threadId,
  };
}

const BEGIN = Buffer.from('BEGIN');

/** Whether the text that starts at `at` is all of BEGIN. */
function isBegin({ buffer, end }: ByteReader, at: number): boolean {
  if (end - at !== BEGIN.length) return false;
  for (let index = 0; index < BEGIN.length; index += 1)
    if (buffer[at + index] !== BEGIN[index]) return false;
  return true;
}

function readSql(
  { buffer, at, end }: ByteReader,
  clientCollation: number | undefined,
  charsetOf: (collationId: number) => string,
): string {
  const text = buffer.subarray(at, end);
  if (isAscii(text)) return text.toString('latin1');
  return decodeText(text, clientCollation === undefined ? 'utf8mb4' : charsetOf(clientCollation));
}

function decodeText(text: Buffer, charset: string): string {
  try {
    return textDecoding(charset, 'a statement')(text, 0, text.length);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return text.toString('utf8');
  }
}

/** { key1 value }*, flags and SQL mode first; keys without a known length end what can be read. */
function readStatus(status: ByteReader): {
  readonly sqlMode: bigint;
  readonly clientCollation: number | undefined;
} {
  let sqlMode = 0n;
  while (status.left > 0) {
    switch (status.u8()) {
      case STATUS.flags2:
      case STATUS.autoIncrement:
        status.take(4);
        break;
      case STATUS.sqlMode:
        sqlMode = status.u64();
        break;
      case STATUS.catalog:
        status.take(status.u8());
        break;
      case STATUS.charset:
        return { sqlMode, clientCollation: status.u16() };
      default:
        return { sqlMode, clientCollation: undefined };
    }
  }
  return { sqlMode, clientCollation: undefined };
}
