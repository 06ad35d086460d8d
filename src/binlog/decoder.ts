import { formatGtidSet } from '../change/gtid-set.ts';
import type { InvalidTextRule } from '../change/row-settings.ts';
import type { TableId } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import { ByteReader } from './byte-reader.ts';
import { charsetOfCollation } from './collations.ts';
import {
  decodeFormatDescription,
  decodeHeartbeatV2,
  decodeIncident,
  decodeRotate,
} from './control-events.ts';
import type {
  BinlogEvent,
  BinlogEventBody,
  CompressedTransaction,
  EventHeader,
  PayloadStep,
  RowsEvent,
  TableMap,
} from './event.ts';
import { EventCutter } from './event-cutter.ts';
import {
  CHECKSUM_BYTES,
  FLAG,
  HEADER_BYTES,
  hasValidChecksum,
  readHeader,
} from './event-header.ts';
import { EVENT, PARTIAL_ROWS, unsupportedFeature } from './event-type.ts';
import { decodeGtid, decodeTaggedGtid } from './gtid-event.ts';
import { decodeGtidSet } from './gtid-set-encoding.ts';
import { decodeLoadQuery, decodeQuery } from './query-event.ts';
import { decodeRows, type RowCodec, rowCodec } from './rows.ts';
import { type CharsetOf, decodeTableMap } from './table-map.ts';
import { decodePayload } from './transaction-payload.ts';

const CRC32 = 1;
/** Distinct tables kept; a server with more pays a new compilation now and then. */
const MAX_CACHED_TABLES = 10_000;

export interface DecoderOptions {
  /** MySQL's name of a collation's charset; by default from the collations of MySQL 8.0 to 9.7. */
  readonly resolveCharset?: CharsetOf;
  /** Of each table; `stop` when absent. */
  readonly invalidText?: (table: TableId) => InvalidTextRule;
}

/** A table id and what its newest map said. */
interface MappedTable {
  /** Body bytes behind the table id, a copy. */
  readonly body: Buffer;
  readonly map: TableMap;
  readonly codec: RowCodec;
  /** The statement that mapped it last; later ones may not rely on it. */
  statement: number;
}

/**
 * Decodes the events of one dump, in order. Remembers what later events refer to: the checksum mode
 * of the file, and the table maps of the statement.
 */
export class BinlogDecoder {
  readonly #charsetOf: CharsetOf;
  readonly #invalidText: (table: TableId) => InvalidTextRule;
  #checksums = false;
  /** Counts statements, so that the end of one invalidates its table maps at no cost. */
  #statement = 0;
  readonly #tables = new Map<number, MappedTable>();
  /** By the exact body bytes behind the table id: the server repeats a map for every statement. */
  readonly #codecs = new Map<string, RowCodec>();

  constructor(options: DecoderOptions = {}) {
    this.#charsetOf = options.resolveCharset ?? charsetOfCollation;
    this.#invalidText = options.invalidText ?? (() => 'stop');
  }

  /**
   * An event may hold views of `bytes`: use it up before its buffer is used again.
   *
   * @param bytes  from `start` to before `end` header, body and checksum; no packet framing
   * @throws {SluiceError} `binlog.truncated`, `binlog.checksum`, `binlog.unknown-event`, `binlog.unsupported`
   */
  decode(bytes: Buffer, start = 0, end = bytes.length): BinlogEvent | CompressedTransaction {
    const header = readHeader(bytes, start, end);
    const bodyEnd = this.#verified(bytes, start, end, header);
    const body = new ByteReader(bytes, start + HEADER_BYTES, bodyEnd);
    return header.type === EVENT.transactionPayload
      ? { kind: 'compressed', steps: this.#payload(header, body) }
      : this.#event(header, body);
  }

  /** Where the body ends. Checks the CRC32, where the file has one. */
  #verified(bytes: Buffer, start: number, end: number, { type, size, flags }: EventHeader): number {
    if (size !== end - start)
      throw new SluiceError(
        'binlog.truncated',
        `An event of type ${type} says it has ${size} bytes, but ${end - start} came.`,
      );
    if (type === EVENT.formatDescription) this.#checksums = fileHasChecksums(bytes, start, end);
    if (!this.#checksums) {
      // The server names the file before it describes it, with a checksum if one was negotiated.
      const isRotateWithChecksum =
        type === EVENT.rotate && hasValidChecksum(bytes, start, end, flags);
      return isRotateWithChecksum ? end - CHECKSUM_BYTES : end;
    }
    if (!hasValidChecksum(bytes, start, end, flags))
      throw new SluiceError(
        'binlog.checksum',
        `An event of type ${type} and ${size} bytes fails its checksum.`,
      );
    return end - CHECKSUM_BYTES;
  }

  /** The kinds that most of a log consists of have their header from the beginning. */
  #event(header: EventHeader, body: ByteReader): BinlogEvent {
    switch (header.type) {
      case EVENT.gtid:
        return decodeGtid(header, body);
      case EVENT.query:
        return decodeQuery(header, body, this.#charsetOf);
      case EVENT.tableMap:
        return { kind: 'tableMap', header, table: this.#tableMap(body) };
      case EVENT.xid:
        return { kind: 'xid', header };
      case EVENT.writeRowsV1:
        return this.#rows(header, 'insert', 1, body);
      case EVENT.writeRows:
        return this.#rows(header, 'insert', 2, body);
      case EVENT.updateRowsV1:
        return this.#rows(header, 'update', 1, body);
      case EVENT.updateRows:
        return this.#rows(header, 'update', 2, body);
      case EVENT.deleteRowsV1:
        return this.#rows(header, 'delete', 1, body);
      case EVENT.deleteRows:
        return this.#rows(header, 'delete', 2, body);
      default:
        return { ...this.#body(header, body), header };
    }
  }

  #body(header: EventHeader, body: ByteReader): BinlogEventBody {
    switch (header.type) {
      case EVENT.gtidTagged:
        return decodeTaggedGtid(body);
      case EVENT.anonymousGtid:
        return { kind: 'anonymousGtid' };
      case EVENT.formatDescription:
        this.#statement += 1;
        return decodeFormatDescription(body, this.#checksums);
      case EVENT.rotate:
        return decodeRotate(header, body);
      case EVENT.previousGtids:
        return { kind: 'previousGtids', gtidSet: formatGtidSet(decodeGtidSet(body)) };
      case EVENT.rowsQuery:
        // The first byte is a length that does not count beyond 255; the text is all that follows.
        body.take(1);
        return { kind: 'rowsQuery', sql: body.utf8(body.left) };
      case EVENT.heartbeat:
        return {
          kind: 'heartbeat',
          file: body.utf8(body.left),
          pos: header.logPos,
          isWhole: false,
        };
      case EVENT.heartbeatV2:
        return decodeHeartbeatV2(body);
      case EVENT.incident:
        return decodeIncident(body);
      case EVENT.xaPrepare:
        return { kind: 'xaPrepare', onePhase: body.u8() !== 0 };
      case EVENT.partialUpdateRows:
        return { kind: 'unsupportedRows', feature: PARTIAL_ROWS, table: this.#mapped(body).map };
      case EVENT.executeLoadQuery:
        return decodeLoadQuery(header, body, this.#charsetOf);
      // They prepare a statement, which is a query event of its own and is judged there.
      case EVENT.intvar:
      case EVENT.rand:
      case EVENT.userVar:
      case EVENT.beginLoadQuery:
      case EVENT.appendBlock:
      case EVENT.deleteFile:
      case EVENT.stop:
      case EVENT.ignorable:
      case EVENT.transactionContext:
      case EVENT.viewChange:
        return { kind: 'ignored' };
      default:
        return refused(header);
    }
  }

  /** table_id6 flags2, then what {@link decodeTableMap} reads. */
  #tableMap(body: ByteReader): TableMap {
    const tableId = body.u48();
    body.take(2);
    const known = this.#tables.get(tableId);
    if (known?.body.compare(body.buffer, body.at, body.end) === 0) {
      known.statement = this.#statement;
      return known.map;
    }
    const bytes = Buffer.from(body.buffer.subarray(body.at, body.end));
    const codec = this.#codec(bytes);
    const map: TableMap = { tableId, id: codec.table.id, schema: codec.table.schema };
    if (this.#tables.size >= MAX_CACHED_TABLES) this.#forgetEarlierStatements();
    this.#tables.set(tableId, { body: bytes, map, codec, statement: this.#statement });
    return map;
  }

  #codec(bytes: Buffer): RowCodec {
    const key = bytes.toString('latin1');
    const known = this.#codecs.get(key);
    if (known) return known;
    const layout = decodeTableMap(new ByteReader(bytes, 0, bytes.length), this.#charsetOf);
    const codec = rowCodec(layout, this.#invalidText(layout.id));
    if (this.#codecs.size >= MAX_CACHED_TABLES) this.#codecs.clear();
    this.#codecs.set(key, codec);
    return codec;
  }

  #forgetEarlierStatements(): void {
    for (const [tableId, { statement }] of this.#tables)
      if (statement !== this.#statement) this.#tables.delete(tableId);
  }

  /** table_id6 of a rows event. */
  #mapped(body: ByteReader): MappedTable {
    const tableId = body.u48();
    const table = this.#tables.get(tableId);
    if (table?.statement !== this.#statement)
      throw new SluiceError(
        'binlog.truncated',
        `A rows event names table id ${tableId}, which its statement has not mapped to a table.`,
      );
    return table;
  }

  #rows(header: EventHeader, op: RowsEvent['op'], version: 1 | 2, body: ByteReader): BinlogEvent {
    const { map, codec } = this.#mapped(body);
    const rows = decodeRows(header, op, version, map, codec, body);
    if (rows.endOfStatement) this.#statement += 1;
    return rows;
  }

  #payload({ logPos }: EventHeader, body: ByteReader): CompressedTransaction['steps'] {
    const { bytes, chunks } = decodePayload(body);
    const cutter = new EventCutter(bytes);
    const step = (chunk: Buffer): PayloadStep => ({
      bytes: chunk.length,
      events: this.#inner(cutter, chunk, logPos),
    });
    return Symbol.iterator in chunks
      ? steps(chunks, step, cutter)
      : stepsAsTheyCome(chunks, step, cutter);
  }

  /** The place behind the payload is the place behind its last event. */
  *#inner(
    cutter: EventCutter,
    chunk: Buffer,
    logPos: number,
  ): Generator<BinlogEvent, void, undefined> {
    for (const { bytes, start, end, isLast } of cutter.cut(chunk)) {
      const header = { ...readHeader(bytes, start, end), logPos: isLast ? logPos : 0 };
      yield this.#event(header, new ByteReader(bytes, start + HEADER_BYTES, end));
    }
  }
}

function* steps(
  chunks: Iterable<Buffer>,
  step: (chunk: Buffer) => PayloadStep,
  cutter: EventCutter,
): Generator<PayloadStep, void, undefined> {
  for (const chunk of chunks) yield step(chunk);
  cutter.finish();
}

async function* stepsAsTheyCome(
  chunks: AsyncIterable<Buffer>,
  step: (chunk: Buffer) => PayloadStep,
  cutter: EventCutter,
): AsyncGenerator<PayloadStep, void, undefined> {
  for await (const chunk of chunks) yield step(chunk);
  cutter.finish();
}

/** The description of a file always ends with the algorithm's number and a checksum of its own. */
function fileHasChecksums(bytes: Buffer, start: number, end: number): boolean {
  return (
    end - start > HEADER_BYTES + 57 + CHECKSUM_BYTES && bytes[end - CHECKSUM_BYTES - 1] === CRC32
  );
}

function refused({
  type,
  flags,
}: EventHeader): Extract<BinlogEventBody, { kind: 'unsupported' | 'ignored' }> {
  const feature = unsupportedFeature(type);
  if (feature !== undefined) return { kind: 'unsupported', feature };
  if ((flags & FLAG.ignorable) !== 0) return { kind: 'ignored' };
  throw new SluiceError(
    'binlog.unknown-event',
    `The log holds an event of type ${type}, which this version does not know and which may not be ignored.`,
    { facts: { type } },
  );
}
