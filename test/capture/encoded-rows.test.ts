import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/binlog/byte-reader.ts';
import { TYPE } from '../../src/binlog/column-layout.ts';
import type { EventHeader, RowsEvent } from '../../src/binlog/event.ts';
import { JsonBytes } from '../../src/binlog/json-bytes.ts';
import { decodeRows, rowCodec } from '../../src/binlog/rows.ts';
import { type SchemaId, type TableSchema, tableName } from '../../src/change/table.ts';
import type { TableRoute } from '../../src/topic/envelope.ts';
import { BufferPool, DEFAULT_LIMITS, RecordBatches } from '../../src/topic/outgoing-batch.ts';
import type { EncodedRecord } from '../../src/topic/publisher.ts';
import { stampBatch } from '../../src/topic/record-batch.ts';
import { decodeRecordBatches } from '../../src/topic/record-batch-reader.ts';
import { encodedRecord } from '../../src/topic/record-writer.ts';
import { RowRecords } from '../../src/topic/row-records.ts';
import type { SourceBlock } from '../../src/topic/source-block.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import { appendChange } from '../support/append-change.ts';
import { type RandomColumn, randomColumn } from '../support/random-rows.ts';

type Op = RowsEvent['op'];

const HEADER: EventHeader = { timestampS: 1, type: 30, serverId: 1, size: 1, logPos: 9, flags: 0 };

function schemaOf(
  columns: readonly RandomColumn[],
  names: readonly string[],
  key: readonly number[],
) {
  return {
    id: { database: 'shop', table: 'ördërs' },
    columns: columns.map(({ type }, index) => ({
      name: `${names[index] ?? ''}${index}`,
      type,
      nullable: true,
    })),
    key,
  } satisfies TableSchema;
}

function bitmap(bits: readonly boolean[]): Buffer {
  const bytes = Buffer.alloc((bits.length + 7) >> 3);
  bits.forEach((bit, index) => {
    if (bit) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7));
  });
  return bytes;
}

/** One image: a value's bytes per column, null for NULL; only present columns are written. */
function imageBytes(values: readonly (Buffer | null)[], present: readonly boolean[]): Buffer {
  const shown = values.filter((_, index) => present[index]);
  return Buffer.concat([
    bitmap(shown.map((value) => value === null)),
    ...shown.filter((value) => value !== null),
  ]);
}

/** A rows event from behind its table id. */
function eventBytes(op: Op, present: readonly boolean[], images: readonly Buffer[]): Buffer {
  const shown = bitmap(present);
  return Buffer.concat([
    Buffer.from([1, 0, 2, 0, present.length]),
    shown,
    ...(op === 'update' ? [shown] : []),
    ...images,
  ]);
}

function rowsEvent(
  op: Op,
  columns: readonly RandomColumn[],
  schema: TableSchema,
  bytes: Buffer,
): RowsEvent {
  const codec = rowCodec({
    id: schema.id,
    columns: columns.map(({ layout }) => layout),
    schema,
    unreadable: undefined,
  });
  const map = { tableId: 1, id: schema.id, schema };
  return decodeRows(HEADER, op, 2, map, codec, new ByteReader(bytes, 0, bytes.length));
}

/** Every record as its bytes at some place of a batch, and its partition. */
class RecordBytes {
  readonly list: string[] = [];
  append(record: Parameters<RecordBatches['append']>[0]): void {
    this.appendEncoded(encodedRecord(record));
  }
  appendEncoded(record: EncodedRecord): void {
    const index = this.list.length;
    const out = Buffer.alloc(record.room + 3);
    const end = record.write(out, 3, 70 * index, 5000 * index);
    this.list.push(`${record.topic}/${record.partition} ${out.toString('hex', 3, end)}`);
  }
}

type Sink = Pick<RecordBatches, 'append' | 'appendEncoded'>;

const OPS = { insert: 'c', update: 'u', delete: 'd' } as const;

function throughValues(sink: Sink, event: RowsEvent, route: TableRoute, source: SourceBlock): void {
  event.read().forEach((row, index) => {
    appendChange(sink, route, row, {
      epoch: 3,
      commitOrdinal: 70_000,
      rowOrdinal: index + 9,
      op: OPS[event.op],
      source,
      rowInEvent: index,
      timestampMs: source.nowMs,
    });
  });
}

function throughBytes(sink: Sink, event: RowsEvent, route: TableRoute, source: SourceBlock): void {
  const records = new RowRecords();
  records.begin({ route, source, epoch: 3, commitOrdinal: 70_000 });
  const rows = event.encode(new JsonBytes());
  for (let index = 0; rows.next(); index += 1) records.append(sink, rows, index + 9, index);
}

function routeOf(schema: TableSchema, partitions: number): TableRoute {
  const schemaId = '0123456789abcdef' as SchemaId;
  const table = tableName(schema.id);
  return { table, topic: 'p.shop.orders' as Topic, partitions, schema, schemaId };
}

const SOURCE: SourceBlock = {
  pipeline: 'shøp',
  tsUs: 1_795_398_669_490_123,
  snapshot: false,
  database: 'shop',
  table: 'ördërs',
  serverId: 1,
  gtid: '3e11fa47-71ca-11e1-9e33-c80aa9429562:905',
  file: 'binlog.000002',
  pos: 12_345,
  threadId: null,
  nowMs: 1_795_398_670_000,
};

const scenario = fc
  .record({
    columns: fc.array(randomColumn, { minLength: 1, maxLength: 10 }),
    op: fc.constantFrom<Op>('insert', 'update', 'delete'),
    partitions: fc.constantFrom(1, 3),
    isLate: fc.boolean(),
    lastRow: fc.nat(4),
  })
  .chain(({ columns, lastRow, ...rest }) => {
    const value = (column: RandomColumn) => fc.option(column.values, { freq: 6 });
    const image = fc.tuple(...columns.map(value));
    return fc.record({
      columns: fc.constant(columns),
      names: fc.array(fc.string({ unit: 'grapheme', maxLength: 5 }), { maxLength: 10 }),
      key: fc.uniqueArray(fc.nat(columns.length - 1), { maxLength: 3 }),
      absent: fc.uniqueArray(fc.nat(columns.length - 1), { maxLength: 2 }),
      rows: fc.array(fc.record({ before: image, after: image, sameKey: fc.boolean() }), {
        minLength: 1,
        maxLength: lastRow + 1,
      }),
      rest: fc.constant(rest),
    });
  })
  .map(({ columns, names, key, absent, rows, rest: { op, partitions, isLate } }) => {
    const schema = schemaOf(columns, names, key);
    const isPresent = (index: number) => key.includes(index) || !absent.includes(index);
    const someColumn = columns.findIndex((_, index) => isPresent(index));
    const present = columns.map((_, index) => isPresent(index) || someColumn < 0);
    const images = rows.flatMap(({ before, after, sameKey }) => {
      const moved = after.map((value, index) =>
        sameKey && key.includes(index) ? (before[index] ?? null) : value,
      );
      const first = imageBytes(before, present);
      return op === 'update' ? [first, imageBytes(moved, present)] : [first];
    });
    const event = (): RowsEvent => rowsEvent(op, columns, schema, eventBytes(op, present, images));
    const source = isLate ? { ...SOURCE, committedAtUs: SOURCE.tsUs + 1 } : SOURCE;
    return { event, route: routeOf(schema, partitions), source };
  });

const NOTE: RandomColumn = {
  layout: { type: TYPE.blob, width: 4, size: 0, scale: 0 },
  type: { kind: 'text', charset: 'utf8mb4' },
  values: fc.constant(Buffer.alloc(0)),
};
const ID: RandomColumn = {
  layout: { type: TYPE.longlong, width: 0, size: 0, scale: 0 },
  type: { kind: 'integer', bytes: 8, unsigned: false },
  values: fc.constant(Buffer.alloc(8)),
};

/** Inserts of an id and a note. */
function notes(contents: readonly string[]): { event: () => RowsEvent; route: TableRoute } {
  const schema = schemaOf([ID, NOTE], ['id', 'note'], [0]);
  const images = contents.map((content, index) => {
    const [id, length] = [Buffer.alloc(8), Buffer.alloc(4)];
    id.writeBigInt64LE(BigInt(index));
    length.writeUInt32LE(Buffer.byteLength(content));
    return imageBytes([id, Buffer.concat([length, Buffer.from(content)])], [true, true]);
  });
  const bytes = eventBytes('insert', [true, true], images);
  return { event: () => rowsEvent('insert', [ID, NOTE], schema, bytes), route: routeOf(schema, 1) };
}

/** Numbers that keep their digits or grow one, and what an event's place has besides. */
const growing = (digits: number) =>
  fc
    .tuple(fc.integer({ min: 1, max: digits }), fc.integer({ min: -3, max: 3 }))
    .map(([power, off]) => Math.max(0, 10 ** power + off));

const place = fc
  .record({
    tsUs: fc.oneof(growing(15), fc.constantFrom(0, SOURCE.tsUs, SOURCE.tsUs + 1)),
    lateUs: fc.constantFrom(undefined, -1, 0, 1, 1_000_000),
    snapshot: fc.boolean(),
    database: fc.constantFrom('shop', 'læger'),
    serverId: fc.constantFrom(1, 70_000),
    gtid: fc.oneof(
      fc.constant(null),
      fc
        .tuple(
          fc.constantFrom(
            '3e11fa47-71ca-11e1-9e33-c80aa9429562',
            '4e11fa47-71ca-11e1-9e33-c80aa9429562',
          ),
          fc.constantFrom('', ':nightly'),
          growing(6),
        )
        .map(([uuid, tag, number]) => `${uuid}${tag}:${number + 1}`),
    ),
    file: fc.constantFrom('binlog.000002', 'binlog.000003'),
    pos: fc.oneof(growing(11), fc.constantFrom(2 ** 31, 2 ** 32 + 5)),
    nowMs: fc.oneof(growing(12), fc.constantFrom(0, SOURCE.nowMs, SOURCE.nowMs + 1)),
    commitOrdinal: fc.constantFrom(0, 1, 15, 16, 70_000, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 7),
    epoch: fc.constantFrom(1, 2),
    table: fc.nat(1),
  })
  .map(({ lateUs, commitOrdinal, epoch, table, ...rest }) => ({
    source: {
      ...SOURCE,
      ...rest,
      ...(lateUs === undefined ? {} : { committedAtUs: Math.max(0, rest.tsUs + lateUs) }),
    } satisfies SourceBlock,
    commitOrdinal,
    epoch,
    table,
  }));

/** Each place changes a little from the one before: the bytes of the last event serve the next. */
const series = fc
  .tuple(place, fc.array(fc.tuple(place, fc.subarray(Object.keys(SOURCE))), { maxLength: 12 }))
  .map(([first, rest]) => {
    const places = [first];
    for (const [next, changed] of rest) {
      const before = places.at(-1) ?? first;
      const kept = Object.entries(next.source).filter(([name]) => changed.includes(name));
      places.push({ ...next, source: { ...before.source, ...Object.fromEntries(kept) } });
    }
    return places;
  });

function readBack(batches: RecordBatches) {
  const sealed = batches.seal().flatMap((partition) => partition.batches);
  let sequence = 0;
  for (const batch of sealed) {
    stampBatch(batch, { producerId: 1n, producerEpoch: 0 }, sequence, crc32c);
    sequence += batch.records;
  }
  const bytes = Buffer.concat(sealed.map((batch) => batch.bytes));
  const read = [...decodeRecordBatches(bytes, crc32c)];
  return { batches: read.length, records: read.flatMap((batch) => [...batch.records()]) };
}

describe('rows written as bytes', () => {
  it('are byte for byte the records of their values, whatever the table and the change', () => {
    fc.assert(
      fc.property(scenario, ({ event, route, source }) => {
        const [values, bytes] = [new RecordBytes(), new RecordBytes()];
        throughValues(values, event(), route, source);
        throughBytes(bytes, event(), route, source);
        expect(bytes.list).toEqual(values.list);
      }),
      { numRuns: 1000 },
    );
  });

  it('are those of their values event after event, whatever changes from one to the next', () => {
    const tables = [notes(['first']), notes(['other', 'more'])];
    fc.assert(
      fc.property(series, (places) => {
        const [values, bytes] = [new RecordBytes(), new RecordBytes()];
        const records = new RowRecords();
        for (const { source, commitOrdinal, epoch, table } of places) {
          const { event, route } = tables[table]!;
          event()
            .read()
            .forEach((row, rowInEvent) => {
              const timestampMs = source.nowMs;
              const context = { epoch, commitOrdinal, source, rowInEvent, timestampMs };
              appendChange(values, route, row, { ...context, rowOrdinal: rowInEvent, op: 'c' });
            });
          records.begin({ route, source, epoch, commitOrdinal });
          const rows = event().encode(new JsonBytes());
          for (let index = 0; rows.next(); index += 1) records.append(bytes, rows, index, index);
        }
        expect(bytes.list).toEqual(values.list);
      }),
      { numRuns: 2000 },
    );
  });

  it('are the records of their values when a snapshot read them', () => {
    const { event, route } = notes(['small', '"', '']);
    const source = { ...SOURCE, snapshot: true, gtid: null };
    const [values, bytes] = [new RecordBytes(), new RecordBytes()];
    const shared = { epoch: 3, commitOrdinal: 70_000, op: 'r', source, rowInEvent: 0 } as const;
    event()
      .read()
      .forEach((row, rowOrdinal) => {
        const { nowMs } = source;
        appendChange(values, route, row, { ...shared, rowOrdinal, timestampMs: nowMs });
      });
    const records = new RowRecords();
    records.begin({ route, source, epoch: 3, commitOrdinal: 70_000 });
    const rows = event().encode(new JsonBytes());
    for (let index = 0; rows.next(); index += 1) records.appendSnapshot(bytes, rows, index);
    expect(bytes.list).toHaveLength(3);
    expect(bytes.list).toEqual(values.list);
  });

  it.each([
    ['plain', 'x'.repeat(5_000_000)],
    ['escaped', '"\n'.repeat(1_200_000)],
    ['of many scripts', 'dvě písně 日本 😀 '.repeat(250_000)],
  ])('hold a value of five megabytes, %s', (_title, large) => {
    const { event, route } = notes(['small', large, 'small again']);
    const [values, bytes] = [new RecordBytes(), new RecordBytes()];
    throughValues(values, event(), route, SOURCE);
    throughBytes(bytes, event(), route, SOURCE);
    expect(bytes.list.length).toBe(3);
    for (const [index, record] of bytes.list.entries())
      expect(record === values.list[index]).toBe(true);
  });

  it('go on in the next batch when one is full, in the middle of an event and for a row larger than a batch', () => {
    const contents = Array.from({ length: 200 }, (_, index) => 'n'.repeat((index * 37) % 3000));
    const { event, route } = notes([...contents, 'y'.repeat(20_000), 'last']);
    const batchesOf = () => new RecordBatches(DEFAULT_LIMITS, new BufferPool(8192));
    const [values, bytes] = [batchesOf(), batchesOf()];
    throughValues(values, event(), route, SOURCE);
    throughBytes(bytes, event(), route, SOURCE);
    expect(bytes.records).toBe(202);
    const [expected, actual] = [readBack(values), readBack(bytes)];
    expect(actual.batches).toBeGreaterThan(20);
    expect(actual.records.map(({ key, value, headers }) => ({ key, value, headers }))).toEqual(
      expected.records.map(({ key, value, headers }) => ({ key, value, headers })),
    );
  });

  it('that are no text of their charset are refused', () => {
    const schema = schemaOf([NOTE], ['note'], []);
    const bytes = eventBytes('insert', [true], [Buffer.from('0002000000c328', 'hex')]);
    const rows = rowsEvent('insert', [NOTE], schema, bytes).encode(new JsonBytes());
    expect(() => rows.next()).toThrow(/cannot be turned into Unicode exactly/);
  });

  it('that lack a key column are refused', () => {
    const schema = schemaOf([ID, NOTE], ['id', 'note'], [0]);
    const bytes = eventBytes('insert', [false, true], [Buffer.from('0000000000', 'hex')]);
    const event = rowsEvent('insert', [ID, NOTE], schema, bytes);
    expect(event.partial).toBe(true);
    expect(() => event.encode(new JsonBytes()).next()).toThrow(/lacks a key column/);
  });
});
