import { crc32, zstdDecompressSync } from 'node:zlib';
import { formatGtidSet } from '../change/gtid-set.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import { ByteReader } from './byte-reader.ts';
import type { BinlogEvent, BinlogEventBody, EventHeader, TableMap } from './event.ts';
import { decodeGtid, decodeTaggedGtid } from './gtid-event.ts';
import { decodeGtidSet } from './gtid-set-encoding.ts';
import { decodeRows, type RowCodec, rowCodec } from './rows.ts';
import { decodeTableMap } from './table-map.ts';

const HEADER_BYTES = 19;
const CHECKSUM_BYTES = 4;
const ARTIFICIAL = 0x20;
const IGNORABLE = 0x80;
const CRC32 = 1;
/** Distinct tables kept; a server with more pays a new compilation now and then. */
const MAX_CACHED_TABLES = 10_000;

/** Event type codes. @see libs/mysql/binlog/event/binlog_event.h */
const EVENT = {
  query: 2,
  stop: 3,
  rotate: 4,
  intvar: 5,
  load: 6,
  slave: 7,
  createFile: 8,
  appendBlock: 9,
  execLoad: 10,
  deleteFile: 11,
  newLoad: 12,
  rand: 13,
  userVar: 14,
  formatDescription: 15,
  xid: 16,
  beginLoadQuery: 17,
  executeLoadQuery: 18,
  tableMap: 19,
  writeRowsV1: 23,
  updateRowsV1: 24,
  deleteRowsV1: 25,
  incident: 26,
  heartbeat: 27,
  ignorable: 28,
  rowsQuery: 29,
  writeRows: 30,
  updateRows: 31,
  deleteRows: 32,
  gtid: 33,
  anonymousGtid: 34,
  previousGtids: 35,
  transactionContext: 36,
  viewChange: 37,
  xaPrepare: 38,
  partialUpdateRows: 39,
  transactionPayload: 40,
  heartbeatV2: 41,
  gtidTagged: 42,
} as const;

/** Understood, and a stop: what these say would have to be guessed or executed. */
const UNSUPPORTED: ReadonlyMap<number, string> = new Map([
  [EVENT.intvar, 'a statement-based change (INTVAR)'],
  [EVENT.rand, 'a statement-based change (RAND)'],
  [EVENT.userVar, 'a statement-based change (USER_VAR)'],
  [EVENT.load, 'LOAD DATA as a statement'],
  [EVENT.createFile, 'LOAD DATA as a statement'],
  [EVENT.appendBlock, 'LOAD DATA as a statement'],
  [EVENT.execLoad, 'LOAD DATA as a statement'],
  [EVENT.deleteFile, 'LOAD DATA as a statement'],
  [EVENT.newLoad, 'LOAD DATA as a statement'],
  [EVENT.beginLoadQuery, 'LOAD DATA as a statement'],
  [EVENT.executeLoadQuery, 'LOAD DATA as a statement'],
  [EVENT.xaPrepare, 'an XA transaction'],
  [EVENT.partialUpdateRows, 'partial JSON updates (binlog_row_value_options = PARTIAL_JSON)'],
]);

/**
 * Decodes the events of one dump, in order. Remembers what later events refer to: the checksum mode
 * of the file, and the table maps of the statement.
 */
export class BinlogDecoder {
  #checksums = false;
  #tables = new Map<number, { readonly map: TableMap; readonly codec: RowCodec }>();
  /** By the exact body bytes behind the table id: the server repeats a map for every statement. */
  readonly #codecs = new Map<string, RowCodec>();

  /**
   * One event, or those of a compressed transaction one by one. The events may hold views of
   * `event`: use them up before its buffer is used again.
   *
   * @param event  header, body and checksum; no packet framing
   * @throws {SluiceError} `binlog.truncated`, `binlog.checksum`, `binlog.unknown-event`, `binlog.unsupported`
   */
  decode(event: Buffer): Iterable<BinlogEvent> {
    const header = readHeader(event);
    const end = this.#verified(event, header);
    return this.#decode(header, new ByteReader(event, HEADER_BYTES, end));
  }

  #decode(header: EventHeader, body: ByteReader): Iterable<BinlogEvent> {
    if (header.type === EVENT.transactionPayload) return this.#payload(body);
    return [{ header, ...this.#body(header, body) }];
  }

  /** Where the body ends. Checks the CRC32 over everything before it, where the file has one. */
  #verified(event: Buffer, { type }: EventHeader): number {
    if (type === EVENT.formatDescription) this.#checksums = fileHasChecksums(event);
    if (!this.#checksums && !(type === EVENT.rotate && trailerMatches(event))) return event.length;
    if (!trailerMatches(event))
      throw new SluiceError(
        'binlog.checksum',
        `An event of type ${type} and ${event.length} bytes fails its checksum.`,
      );
    return event.length - CHECKSUM_BYTES;
  }

  #body(header: EventHeader, body: ByteReader): BinlogEventBody {
    const { type } = header;
    switch (type) {
      case EVENT.formatDescription:
        this.#tables.clear();
        return this.#formatDescription(body);
      case EVENT.rotate:
        return {
          kind: 'rotate',
          pos: Number(body.u64()),
          file: body.utf8(body.left),
          artificial: (header.flags & ARTIFICIAL) !== 0 || header.timestampS === 0,
        };
      case EVENT.query:
        return decodeQuery(body);
      case EVENT.xid:
        return { kind: 'xid' };
      case EVENT.gtid:
        return decodeGtid(body);
      case EVENT.gtidTagged:
        return decodeTaggedGtid(body);
      case EVENT.anonymousGtid:
        return { kind: 'anonymousGtid' };
      case EVENT.previousGtids:
        return { kind: 'previousGtids', gtidSet: formatGtidSet(decodeGtidSet(body)) };
      case EVENT.tableMap:
        return { kind: 'tableMap', table: this.#tableMap(body) };
      case EVENT.writeRowsV1:
      case EVENT.writeRows:
        return this.#rows('insert', type === EVENT.writeRows ? 2 : 1, body);
      case EVENT.updateRowsV1:
      case EVENT.updateRows:
        return this.#rows('update', type === EVENT.updateRows ? 2 : 1, body);
      case EVENT.deleteRowsV1:
      case EVENT.deleteRows:
        return this.#rows('delete', type === EVENT.deleteRows ? 2 : 1, body);
      case EVENT.rowsQuery:
        // The first byte is a length that does not count beyond 255; the text is all that follows.
        body.take(1);
        return { kind: 'rowsQuery', sql: body.utf8(body.left) };
      case EVENT.heartbeat:
        return { kind: 'heartbeat', file: body.utf8(body.left), pos: header.logPos };
      case EVENT.heartbeatV2:
        return decodeHeartbeatV2(body);
      case EVENT.incident: {
        body.take(2);
        return { kind: 'incident', message: body.utf8(body.u8()) };
      }
      case EVENT.stop:
      case EVENT.ignorable:
      case EVENT.transactionContext:
      case EVENT.viewChange:
        return { kind: 'ignored' };
      default:
        return refused(header);
    }
  }

  /** version2 server_version50 created4 header_length1 post_header_lengths checksum1 */
  #formatDescription(body: ByteReader): BinlogEventBody {
    body.take(2);
    const version = body.utf8(50);
    const serverVersion = version.slice(0, Math.max(0, version.indexOf('\0')));
    return {
      kind: 'formatDescription',
      serverVersion,
      checksum: this.#checksums ? 'crc32' : 'none',
    };
  }

  /** table_id6 flags2, then what {@link decodeTableMap} reads. */
  #tableMap(body: ByteReader): TableMap {
    const tableId = body.u48();
    body.take(2);
    const key = body.buffer.toString('latin1', body.at, body.end);
    let codec = this.#codecs.get(key);
    if (!codec) {
      codec = rowCodec(decodeTableMap(body));
      if (this.#codecs.size >= MAX_CACHED_TABLES) this.#codecs.clear();
      this.#codecs.set(key, codec);
    }
    const map: TableMap = { tableId, id: codec.table.id, schema: codec.table.schema };
    this.#tables.set(tableId, { map, codec });
    return map;
  }

  #rows(op: 'insert' | 'update' | 'delete', version: 1 | 2, body: ByteReader): BinlogEventBody {
    const tableId = body.u48();
    const table = this.#tables.get(tableId);
    if (!table)
      throw new SluiceError(
        'binlog.truncated',
        `A rows event names table id ${tableId}, whose table map was not in the log before it.`,
      );
    return decodeRows(op, version, table.map, table.codec, body);
  }

  /**
   * { field type lenenc, length lenenc, value }* 0, then the payload: whole events without
   * checksums, compressed with zstd or not at all.
   * @see libs/mysql/binlog/event/codecs/binary.cpp: Transaction_payload
   */
  *#payload(body: ByteReader): Iterable<BinlogEvent> {
    let compression = 255;
    let size = 0;
    for (let field = body.lengthEncoded(); field !== 0; field = body.lengthEncoded()) {
      const value = body.sub(body.lengthEncoded());
      if (field === 2) compression = value.lengthEncoded();
      if (field === 3) size = value.lengthEncoded();
    }
    const payload = decompress(body.bytes(body.left), compression, size);
    for (let at = 0; at < payload.length; ) {
      const header = readHeader(payload.subarray(at));
      const end = at + header.size;
      if (header.size < HEADER_BYTES || end > payload.length)
        throw new SluiceError(
          'binlog.truncated',
          'An event inside a compressed transaction is cut short.',
        );
      yield* this.#decode(
        { ...header, logPos: 0 },
        new ByteReader(payload, at + HEADER_BYTES, end),
      );
      at = end;
    }
  }
}

const PAYLOAD_ZSTD = 0;
const PAYLOAD_NONE = 255;

function decompress(payload: Buffer, compression: number, size: number): Buffer {
  if (compression === PAYLOAD_NONE) return payload;
  if (compression !== PAYLOAD_ZSTD)
    throw new SluiceError(
      'binlog.unsupported',
      `The log holds a transaction compressed by method ${compression}.`,
    );
  try {
    return zstdDecompressSync(payload, { maxOutputLength: Math.max(size, 1) });
  } catch (cause) {
    throw new SluiceError('binlog.truncated', 'A compressed transaction cannot be decompressed.', {
      cause,
    });
  }
}

/** timestamp4 type1 server_id4 size4 log_pos4 flags2 */
function readHeader(event: Buffer): EventHeader {
  if (event.length < HEADER_BYTES)
    throw new SluiceError(
      'binlog.truncated',
      `An event has ${event.length} bytes, fewer than its header.`,
    );
  return {
    timestampS: event.readUInt32LE(0),
    type: event.readUInt8(4),
    serverId: event.readUInt32LE(5),
    size: event.readUInt32LE(9),
    logPos: event.readUInt32LE(13),
    flags: event.readUInt16LE(17),
  };
}

/** The description of a file always ends with the algorithm's number and a checksum of its own. */
function fileHasChecksums(event: Buffer): boolean {
  return event.length > HEADER_BYTES + 57 + CHECKSUM_BYTES && event[event.length - 5] === CRC32;
}

function trailerMatches(event: Buffer): boolean {
  const end = event.length - CHECKSUM_BYTES;
  return end >= HEADER_BYTES && crc32(event.subarray(0, end)) === event.readUInt32LE(end);
}

const SQL_MODE_VARIABLE = 1;

/**
 * thread_id4 seconds4 database_length1 error2 status_length2 status database 0 text
 *
 * Status variables are { key1 value }* in ascending order with lengths by key: FLAGS2 (0) has 4
 * bytes, SQL_MODE (1) has 8; no later one is needed here.
 */
function decodeQuery(body: ByteReader): BinlogEventBody {
  const threadId = body.u32();
  body.take(4);
  const databaseLength = body.u8();
  body.take(2);
  const status = body.sub(body.u16());
  const database = body.utf8(databaseLength);
  body.take(1);
  let sqlMode = 0n;
  if (status.left > 0) {
    let key = status.u8();
    if (key === 0 && status.left > 4) {
      status.take(4);
      key = status.u8();
    }
    if (key === SQL_MODE_VARIABLE && status.left >= 8) sqlMode = status.u64();
  }
  return { kind: 'query', database, sql: body.utf8(body.left), sqlMode, threadId };
}

/** { type lenenc, length lenenc, value }* 0: 1 is the file name, 2 the position as lenenc. */
function decodeHeartbeatV2(body: ByteReader): BinlogEventBody {
  let file = '';
  let pos = 0;
  while (body.left > 0) {
    const field = body.lengthEncoded();
    if (field === 0) break;
    const value = body.sub(body.lengthEncoded());
    if (field === 1) file = value.utf8(value.left);
    if (field === 2) pos = value.lengthEncoded();
  }
  if (file === '') throw new InvariantBroken('a heartbeat without a file name');
  return { kind: 'heartbeat', file, pos };
}

function refused({ type, flags }: EventHeader): BinlogEventBody {
  const feature = UNSUPPORTED.get(type);
  if (feature !== undefined) return { kind: 'unsupported', feature };
  if ((flags & IGNORABLE) !== 0) return { kind: 'ignored' };
  throw new SluiceError(
    'binlog.unknown-event',
    `The log holds an event of type ${type}, which this version does not know and which may not be ignored.`,
    { facts: { type } },
  );
}
