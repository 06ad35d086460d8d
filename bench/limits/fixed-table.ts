import { crc32c } from '@node-rs/crc32';
import { EVENT } from '../../src/binlog/event-type.ts';
import { Cluster } from '../../src/kafka/cluster.ts';
import { createTopics, deleteTopics, tableTopicConfig } from '../../src/kafka/topic-admin.ts';
import { TransactionProducer } from '../../src/kafka/transaction-producer.ts';
import { DEFAULT_LIMITS } from '../../src/topic/outgoing-batch.ts';
import { partitionOf } from '../../src/topic/partition.ts';
import { SCHEMA_HEADER, SEQUENCE_HEADER } from '../../src/topic/publisher.ts';
import { BATCH, type SealedBatch, sealBatch } from '../../src/topic/record-batch.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import { varintSize, writeVarint } from '../../src/topic/varint.ts';
import type { LimitTask } from './limit-process.ts';
import { logEvents } from './log-events.ts';

const PREFIX = 'limit-fixed';
const TOPIC = `${PREFIX}.bench.orders` as Topic;
const PARTITIONS = 3;
const REQUEST_TIMEOUT_MS = 30_000;
/** Record batches of one transaction, and how many may wait for it. */
const BATCHES_A_TRANSACTION = 8;
const MAX_WAITING_BATCHES = 24;
const LARGEST_RECORD_BYTES = 2_000;
const HEADER_BYTES = 19;
const CHECKSUM_BYTES = 4;

/**
 * What one Node thread can do when it knows the one table there is: rows are decoded by offsets
 * written down here and put together as text, with keys, headers, three partitions and one
 * transaction after another, and nothing else: no checkpoint, no snapshot, no other type. It says
 * how far the general path may be from a special one, and is no part of Sluice.
 */
export async function fixedTable(task: LimitTask): Promise<number> {
  const cluster = new Cluster({ brokers: task.brokers }, REQUEST_TIMEOUT_MS);
  await createTopics(task, [tableTopicConfig(TOPIC, PARTITIONS, 1)]);
  const producer = new TransactionProducer(cluster, {
    transactionalId: PREFIX,
    crc32c,
    verifyTopics: () => Promise.resolve(),
  });
  await producer.fence();
  const writers = Array.from({ length: PARTITIONS }, () => new FixedBatches());
  const rows = new FixedRows(task.database, writers);
  const waiting = (): number => writers.reduce((sum, { sealed }) => sum + sealed.length, 0);
  let committing: Promise<unknown> | undefined;
  const commit = (): void => {
    const partitions = writers
      .map(({ sealed }, partition) => ({
        topic: TOPIC,
        partition,
        batches: sealed.splice(0, BATCHES_A_TRANSACTION),
      }))
      .filter(({ batches }) => batches.length > 0);
    committing = producer.commit(partitions).finally(() => (committing = undefined));
  };
  let startedAtMs: number | undefined;
  for await (const events of logEvents(task)) {
    startedAtMs ??= performance.now();
    for (const event of events) rows.take(event);
    if (!committing && waiting() >= BATCHES_A_TRANSACTION) commit();
    while (waiting() > MAX_WAITING_BATCHES) {
      await committing;
      commit();
    }
  }
  for (const writer of writers) writer.seal();
  while (committing !== undefined || waiting() > 0) {
    await committing;
    if (waiting() > 0) commit();
  }
  const tookMs = performance.now() - (startedAtMs ?? 0);
  await cluster.close();
  await deleteTopics(task, [TOPIC]);
  if (rows.count !== task.rows) throw new Error(`${rows.count} rows instead of ${task.rows}`);
  return (task.rows * 1_000) / tookMs;
}

/** Record batches of one partition. */
class FixedBatches {
  readonly sealed: SealedBatch[] = [];
  #buffer = Buffer.allocUnsafeSlow(DEFAULT_LIMITS.sealBytes);
  #end: number = BATCH.records;
  #records = 0;

  /** All texts are ASCII, so characters are bytes. */
  append(key: string, value: string, sequence: string, schema: string): void {
    if (this.#end + LARGEST_RECORD_BYTES > this.#buffer.length) this.seal();
    const out = this.#buffer;
    const deltas = varintSize(this.#records);
    const headers = sized(SEQUENCE_HEADER) + sized(sequence) + sized(SCHEMA_HEADER) + sized(schema);
    const bytes = 1 + 1 + deltas + sized(key) + sized(value) + 1 + headers;
    let at = writeVarint(out, this.#end, bytes);
    out[at++] = 0;
    out[at++] = 0;
    at = writeVarint(out, at, this.#records);
    at = writeText(out, at, key);
    at = writeText(out, at, value);
    at = writeVarint(out, at, 2);
    at = writeText(out, at, SEQUENCE_HEADER);
    at = writeText(out, at, sequence);
    at = writeText(out, at, SCHEMA_HEADER);
    this.#end = writeText(out, at, schema);
    this.#records++;
  }

  seal(): void {
    if (this.#records === 0) return;
    const nowMs = Date.now();
    const times = { firstMs: nowMs, largestMs: nowMs };
    this.sealed.push(sealBatch(this.#buffer.subarray(0, this.#end), this.#records, times, 'zstd'));
    this.#buffer = Buffer.allocUnsafeSlow(DEFAULT_LIMITS.sealBytes);
    this.#end = BATCH.records;
    this.#records = 0;
  }
}

const sized = (text: string): number => varintSize(text.length) + text.length;

function writeText(out: Buffer, at: number, text: string): number {
  const start = writeVarint(out, at, text.length);
  return start + out.write(text, start, 'latin1');
}

const SCHEMA = '5f3a9c1d20b84e76';

/** Rows of the orders table, by the offsets its columns have. */
class FixedRows {
  readonly #name: Buffer;
  readonly #writers: readonly FixedBatches[];
  #isMapped = false;
  #gtid = '';
  #ordinal = 0;
  count = 0;

  constructor(database: string, writers: readonly FixedBatches[]) {
    this.#name = Buffer.from(`${database}\0\u0006orders\0`, 'latin1');
    this.#writers = writers;
  }

  take(event: Buffer): void {
    const body = HEADER_BYTES;
    const type = event[4];
    if (type === EVENT.gtid) {
      this.#gtid = `${event.toString('hex', body + 1, body + 17)}:${event.readBigUInt64LE(body + 17)}`;
      this.#ordinal++;
    } else if (type === EVENT.tableMap) this.#isMapped = event.includes(this.#name, body + 9);
    else if (type === EVENT.writeRows && this.#isMapped) this.#rows(event);
  }

  /** table_id6 flags2 extra-length2 extra, column count, bitmap of present columns, rows. */
  #rows(event: Buffer): void {
    const end = event.length - CHECKSUM_BYTES;
    const pos = event.readUInt32LE(13);
    const second = event.readUInt32LE(0);
    const nowMs = Date.now();
    const source = `},"source":{"version":"0.1.0","connector":"mysql","name":"${PREFIX}","ts_ms":${second}000,"snapshot":"false","db":"bench_bulk","sequence":null,"ts_us":${second}000000,"ts_ns":${second}000000000,"table":"orders","server_id":1,"gtid":"${this.#gtid}","file":"binlog.000001","pos":${pos},"row":`;
    const tail = `,"thread":10,"query":null},"transaction":null,"op":"c","ts_ms":${nowMs},"ts_us":${nowMs}000,"ts_ns":${nowMs}000000}`;
    const transaction = `00000001/${this.#ordinal.toString(16).padStart(16, '0')}/`;
    let at = HEADER_BYTES + 8;
    // The extra data counts its own length; behind it one byte each for column count and bitmap.
    at += event.readUInt16LE(at) + 2;
    for (let row = 0; at < end; row++) {
      // First the bitmap of NULLs, one byte; no column here may be NULL.
      const id = event.readUInt32LE(at + 1) + event.readUInt32LE(at + 5) * 4_294_967_296;
      const customer = event.readInt32LE(at + 9);
      at += 13;
      const statusBytes = event[at] ?? 0;
      const status = event.toString('latin1', at + 1, at + 1 + statusBytes);
      at += 1 + statusBytes;
      const amount = event.toString('base64', at, at + 6);
      const noteBytes = event.readUInt16LE(at + 6);
      const note = event.toString('latin1', at + 8, at + 8 + noteBytes);
      at += 8 + noteBytes;
      const created = microseconds(event, at);
      const updated = isoSecond(event.readUInt32BE(at + 8));
      at += 12;
      const key = `{"id":${id}}`;
      const value = `{"before":null,"after":{"id":${id},"customer_id":${customer},"status":"${status}","amount":"${amount}","note":"${note}","created_at":${created},"updated_at":"${updated}"${source}${row}${tail}`;
      const sequence = transaction + (2 * row + 1).toString(16).padStart(8, '0');
      this.#writers[partitionOf(key, PARTITIONS)]?.append(key, value, sequence, SCHEMA);
      this.count++;
    }
  }
}

/** DATETIME(6): packed year, month, day and time in five bytes, microseconds in three. */
function microseconds(event: Buffer, at: number): number {
  const packed = event.readUIntBE(at, 5) - 0x8000000000;
  const date = Math.floor(packed / 131_072);
  const time = packed % 131_072;
  const months = Math.floor(date / 32);
  const dayMs = Date.UTC(Math.floor(months / 13), (months % 13) - 1, date % 32);
  const seconds = (time >> 12) * 3_600 + ((time >> 6) & 63) * 60 + (time & 63);
  return dayMs * 1_000 + seconds * 1_000_000 + event.readUIntBE(at + 5, 3);
}

let lastSecond = -1;
let lastText = '';

function isoSecond(second: number): string {
  if (second !== lastSecond) {
    lastSecond = second;
    lastText = `${new Date(second * 1_000).toISOString().slice(0, 19)}Z`;
  }
  return lastText;
}
