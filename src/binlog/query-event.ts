import { isAscii } from 'node:buffer';
import { SluiceError } from '../errors/error.ts';
import { ByteReader } from './byte-reader.ts';
import type { BinlogEvent, EventHeader } from './event.ts';
import { textDecoding } from './values/text.ts';

type StatementEvent = Extract<BinlogEvent, { kind: 'query' | 'begin' }>;

/**
 * Status variables as far as explicit_defaults_for_timestamp, which is one byte, and there only
 * when the statement names the type TIMESTAMP.
 *
 * @see libs/mysql/binlog/event/statement_events.h: Query_event_status_vars
 */
const STATUS = {
  flags2: 0,
  sqlMode: 1,
  autoIncrement: 3,
  charset: 4,
  timeZone: 5,
  catalog: 6,
  monthNames: 7,
  databaseCollation: 8,
  tableMapForUpdate: 9,
  sourceDataWritten: 10,
  invoker: 11,
  updatedDatabases: 12,
  microseconds: 13,
  explicitDefaultsForTimestamp: 16,
} as const;

/** Stands for a number of databases that is too large to list them. */
const TOO_MANY_DATABASES = 254;

/**
 * thread_id4 seconds4 database_length1 error2 status_length2 status database 0 text
 *
 * The text has the charset of the client that sent it. It serves to tell statements apart, so one
 * that cannot be decoded exactly is read as UTF-8, with replacement characters.
 *
 * @param charsetOf MySQL's name of a collation's charset
 * @param extraHeaderBytes of a kind of event that has more before the status
 * @see libs/mysql/binlog/event/statement_events.h: Query_event
 */
export function decodeQuery(
  header: EventHeader,
  body: ByteReader,
  charsetOf: (collationId: number) => string,
  extraHeaderBytes = 0,
): StatementEvent {
  const threadId = body.u32();
  body.take(4);
  const databaseLength = body.u8();
  body.take(2);
  const statusBytes = body.u16();
  body.take(extraHeaderBytes);
  const status = body.take(statusBytes);
  if (isBegin(body, body.at + databaseLength + 1)) return { kind: 'begin', header };
  const { sqlMode, clientCollation, explicitDefaultsForTimestamp } = readStatus(
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
    explicitDefaultsForTimestamp,
    threadId,
  };
}

/** file_id4 name_start4 name_end4 duplicates1, before the status of LOAD DATA as a statement. */
const LOAD_HEADER_BYTES = 13;

/**
 * LOAD DATA in the log as a statement.
 * @see libs/mysql/binlog/event/load_data_events.h: Execute_load_query_event
 */
export function decodeLoadQuery(
  header: EventHeader,
  body: ByteReader,
  charsetOf: (collationId: number) => string,
): StatementEvent {
  return decodeQuery(header, body, charsetOf, LOAD_HEADER_BYTES);
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

interface SessionStatus {
  readonly sqlMode: bigint;
  readonly clientCollation: number | undefined;
  readonly explicitDefaultsForTimestamp: boolean | undefined;
}

/** { key1 value }*, flags and SQL mode first; keys without a known length end what can be read. */
function readStatus(status: ByteReader): SessionStatus {
  const found = {
    sqlMode: 0n,
    clientCollation: undefined as number | undefined,
    explicitDefaultsForTimestamp: undefined as boolean | undefined,
  };
  while (status.left > 0) {
    const key = status.u8();
    switch (key) {
      case STATUS.sqlMode:
        found.sqlMode = status.u64();
        break;
      case STATUS.charset:
        found.clientCollation = status.u16();
        status.take(4);
        break;
      case STATUS.explicitDefaultsForTimestamp:
        return { ...found, explicitDefaultsForTimestamp: status.u8() !== 0 };
      default:
        if (!skipValue(key, status)) return found;
    }
  }
  return found;
}

/** Whether the length of the key's value is known. */
function skipValue(key: number, status: ByteReader): boolean {
  switch (key) {
    case STATUS.flags2:
    case STATUS.autoIncrement:
    case STATUS.sourceDataWritten:
      status.take(4);
      return true;
    case STATUS.timeZone:
    case STATUS.catalog:
      status.take(status.u8());
      return true;
    case STATUS.monthNames:
    case STATUS.databaseCollation:
      status.take(2);
      return true;
    case STATUS.tableMapForUpdate:
      status.take(8);
      return true;
    case STATUS.invoker:
      status.take(status.u8());
      status.take(status.u8());
      return true;
    case STATUS.updatedDatabases:
      skipDatabases(status);
      return true;
    case STATUS.microseconds:
      status.take(3);
      return true;
    default:
      return false;
  }
}

/** count1 { name 0 }* */
function skipDatabases(status: ByteReader): void {
  const count = status.u8();
  if (count === TOO_MANY_DATABASES) return;
  for (let database = 0; database < count; database += 1) while (status.u8() !== 0);
}
