import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool, DEFAULT_LIMITS, RecordBatches } from '../../src/topic/outgoing-batch.ts';
import type { OutgoingRecord } from '../../src/topic/publisher.ts';
import { BATCH, sequenceAfter, stampBatch } from '../../src/topic/record-batch.ts';
import { decodeRecordBatches } from '../../src/topic/record-batch-reader.ts';
import type { Topic } from '../../src/topic/topic-name.ts';

const topic = 'shop.shop.orders' as Topic;
const producer = { producerId: 4711n, producerEpoch: 3 };

function record(fields: Partial<OutgoingRecord> = {}): OutgoingRecord {
  return {
    topic,
    partition: 0,
    key: '{"id":1}',
    value: '{}',
    headers: [],
    timestampMs: 1000,
    ...fields,
  };
}

function batches(limits: Partial<typeof DEFAULT_LIMITS> = {}, poolBytes?: number): RecordBatches {
  return new RecordBatches({ ...DEFAULT_LIMITS, ...limits }, new BufferPool(poolBytes));
}

/** What a reader gets of one partition, batch after batch. */
function readBack(of: RecordBatches, partition = 0) {
  const sealed = of.seal().find((each) => each.partition === partition)?.batches ?? [];
  let sequence = 0;
  for (const batch of sealed) {
    stampBatch(batch, producer, sequence, crc32c);
    sequence += batch.records;
  }
  return [...decodeRecordBatches(Buffer.concat(sealed.map(({ bytes }) => bytes)), crc32c)];
}

describe('a record batch', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ maxLength: 400 }));
  const anyRecord = fc.record({
    key: fc.option(text),
    value: fc.option(text),
    headers: fc.array(fc.tuple(fc.string(), text), { maxLength: 4 }),
    timestampMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  });

  it.each(['zstd', 'none'] as const)('gives back what was appended, with %s', (compression) => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 60 }), (records) => {
        const outgoing = batches({ compression }, 2048);
        for (const each of records) outgoing.append(record(each));
        const bytes = (value: string | null) => (value === null ? null : Buffer.from(value));
        const read = readBack(outgoing).flatMap((batch) => batch.records().toArray());
        expect(read.map(({ key, value, timestampMs }) => ({ key, value, timestampMs }))).toEqual(
          records.map(({ key, value, timestampMs }) => ({
            key: bytes(key),
            value: bytes(value),
            timestampMs,
          })),
        );
        expect(read.map(({ headers }) => headers)).toEqual(
          records.map(
            ({ headers }) =>
              new Map(headers.map(([name, value]) => [wellFormed(name), wellFormed(value)])),
          ),
        );
      }),
    );
  });

  it('lays its header out as the protocol says', () => {
    const outgoing = batches({ compression: 'none' });
    outgoing.append(record({ key: null, value: 'v', timestampMs: 5000 }));
    outgoing.append(record({ key: 'k', value: null, timestampMs: 4000 }));
    const [sealed] = outgoing.seal()[0]?.batches ?? [];
    if (!sealed) throw new Error('no batch');
    stampBatch(sealed, producer, 77, crc32c);
    const { bytes } = sealed;
    expect(bytes.subarray(0, BATCH.crc).toString('hex')).toBe(
      // base offset 0, length, partition leader epoch −1, magic 2
      `0000000000000000${(bytes.length - 12).toString(16).padStart(8, '0')}ffffffff02`,
    );
    expect(bytes.subarray(BATCH.attributes).toString('hex')).toBe(
      [
        '0010', // transactional
        '00000001', // last offset delta
        '0000000000001388', // base timestamp 5000
        '0000000000001388', // largest timestamp
        '0000000000001267', // producer id
        '0003', // producer epoch
        '0000004d', // base sequence
        '00000002', // records
        '0e' + '00' + '00' + '00' + '01' + '02' + '76' + '00', // 7 bytes, no key, "v", no headers
        '10' + '00' + 'cf0f' + '02' + '02' + '6b' + '01' + '00', // −1000 ms, offset delta 1, "k", no value
      ].join(''),
    );
    expect(bytes.readUInt32BE(BATCH.crc)).toBe(crc32c(bytes.subarray(BATCH.attributes)));
  });

  it('is closed at its limit, and a larger record gets a batch of its own', () => {
    const outgoing = batches({ compression: 'none' }, 4096);
    const sizes = [600, 600, 600, 600, 600, 9000, 600];
    for (const size of sizes) outgoing.append(record({ value: 'x'.repeat(size) }));
    const read = readBack(outgoing);
    expect(read.map((batch) => batch.records().toArray().length)).toEqual([4, 1, 1, 1]);
    expect(
      read.flatMap((batch) => batch.records().toArray()).map(({ value }) => value?.length),
    ).toEqual(sizes);
  });

  it('counts bytes before compression and records of all partitions', () => {
    const outgoing = batches();
    expect(outgoing.bytes).toBe(0);
    for (let index = 0; index < 100; index++) {
      outgoing.append(record({ partition: index % 3, value: 'x'.repeat(1000) }));
    }
    expect(outgoing.records).toBe(100);
    expect(outgoing.bytes).toBeGreaterThan(100_000);
    expect(outgoing.bytes).toBeLessThan(105_000);
  });

  it('refuses a record larger than the topic takes, and stays as it was', () => {
    const outgoing = batches({ compression: 'none', maxBatchBytes: 1 << 20 });
    outgoing.append(record());
    const before = { records: outgoing.records, bytes: outgoing.bytes };
    const large = record({ value: 'x'.repeat((1 << 20) + 1) });
    expect(() => outgoing.append(large)).toThrow(
      expect.objectContaining({
        code: 'kafka.record-too-large',
        facts: expect.objectContaining({ topic }),
      }),
    );
    expect({ records: outgoing.records, bytes: outgoing.bytes }).toEqual(before);
    expect(readBack(outgoing).flatMap((batch) => batch.records().toArray())).toHaveLength(1);
  });

  it('measures a large record after compression', () => {
    const outgoing = batches({ maxBatchBytes: 1 << 20 });
    outgoing.append(record({ value: 'x'.repeat(5 << 20) }));
    expect(readBack(outgoing)[0]?.records().toArray()[0]?.value?.length).toBe(5 << 20);
  });

  it('takes the image before an update for almost nothing beside an unchanged value of 9 MiB', () => {
    const image = randomBytes(9 << 20).toString('base64');
    const value = `{"before":{"n":1,"blob":"${image}"},"after":{"n":2,"blob":"${image}"}}`;
    const outgoing = batches();
    outgoing.append(record({ value }));
    expect(outgoing.heldBytes).toBeLessThan(11 << 20);
    expect(readBack(outgoing)[0]?.records().toArray()[0]?.value?.toString() === value).toBe(true);
  });

  it('keeps to the limit of each topic, and says what it is', () => {
    const other = 'shop.shop.docs' as Topic;
    const limits = new Map([[other, 3 << 20]]);
    const outgoing = batches({
      compression: 'none',
      maxBatchBytes: 1 << 20,
      maxBatchBytesOf: (name) => limits.get(name),
    });
    const value = 'x'.repeat(2 << 20);
    outgoing.append(record({ topic: other, value }));
    expect(() => outgoing.append(record({ value }))).toThrow(
      /max\.message\.bytes of the topic is 1048576/,
    );
    expect(() => outgoing.append(record({ topic: other, value: value + value }))).toThrow(
      /max\.message\.bytes of the topic is 3145728/,
    );
  });

  it('keeps to what a request may take where a topic would take more', () => {
    const outgoing = batches({ compression: 'none', maxBatchBytesOf: () => 1 << 30 });
    const value = 'x'.repeat(100 << 20);
    expect(() => outgoing.append(record({ value }))).toThrow(/a request to a broker may take/);
  });

  it('finds the image before an update again, also in a record far larger than others', () => {
    const image = randomBytes(150_000).toString('hex');
    const [once, twice] = [image, image + image].map((value) => {
      const outgoing = batches();
      outgoing.append(record({ value }));
      outgoing.append(record());
      outgoing.seal();
      return outgoing.heldBytes;
    });
    expect(twice).toBeLessThan(1.05 * (once ?? 0));
  });

  it('counts the buffers of thousands of partitions, and they are small', () => {
    const outgoing = batches();
    for (let index = 0; index < 3_000; index += 1)
      outgoing.append(record({ topic: `shop.shop.t${index}` as Topic }));
    expect(outgoing.heldBytes).toBe(3_000 * 1_024);
    outgoing.append(record({ value: 'x'.repeat(5_000) }));
    expect(outgoing.heldBytes).toBe(3_000 * 1_024 + 16_384);
    outgoing.seal();
    // A record that does not get smaller stays where it is.
    expect(outgoing.heldBytes).toBeLessThan(3_001 * 1_024);
  });

  it('reuses its buffers only after release', () => {
    const pool = new BufferPool(4096);
    const first = new RecordBatches({ ...DEFAULT_LIMITS, compression: 'none' }, pool);
    for (let index = 0; index < 20; index++) first.append(record({ value: 'a'.repeat(500) }));
    const second = new RecordBatches({ ...DEFAULT_LIMITS, compression: 'none' }, pool);
    for (let index = 0; index < 20; index++) second.append(record({ value: 'b'.repeat(500) }));
    const values = readBack(first).flatMap((batch) =>
      batch
        .records()
        .toArray()
        .map(({ value }) => String(value)),
    );
    expect(new Set(values)).toEqual(new Set(['a'.repeat(500)]));
    first.release();
  });
});

describe('reading record batches', () => {
  function sealedBytes(): Buffer {
    const outgoing = batches({ compression: 'none' });
    outgoing.append(record());
    const sealed = outgoing.seal()[0]?.batches[0];
    if (!sealed) throw new Error('no batch');
    stampBatch(sealed, producer, 0, crc32c);
    return Buffer.from(sealed.bytes);
  }

  function withCodec(bytes: Buffer, codec: number, body = bytes.subarray(BATCH.records)): Buffer {
    const batch = Buffer.concat([bytes.subarray(0, BATCH.records), body]);
    batch.writeInt32BE(batch.length - 12, BATCH.length);
    batch.writeInt16BE(codec, BATCH.attributes);
    batch.writeUInt32BE(crc32c(batch.subarray(BATCH.attributes)), BATCH.crc);
    return batch;
  }

  it('leaves out a last batch that the fetch limit has cut', () => {
    const whole = sealedBytes();
    const cut = Buffer.concat([whole, whole.subarray(0, whole.length - 1)]);
    expect([...decodeRecordBatches(cut, crc32c)]).toHaveLength(1);
    expect([...decodeRecordBatches(whole.subarray(0, 30), crc32c)]).toHaveLength(0);
  });

  it('refuses a batch whose checksum is wrong', () => {
    const bytes = sealedBytes();
    bytes[bytes.length - 1] = 99;
    expect(() => [...decodeRecordBatches(bytes, crc32c)]).toThrow(/checksum/);
  });

  it('reads gzip, which other producers may use', () => {
    const bytes = sealedBytes();
    const gzip = withCodec(bytes, 1, gzipSync(bytes.subarray(BATCH.records)));
    const [batch] = [...decodeRecordBatches(gzip, crc32c)];
    expect(batch?.records().toArray()[0]?.key?.toString()).toBe('{"id":1}');
  });

  it.each([
    [2, 'snappy'],
    [3, 'lz4'],
  ])('names the codec it cannot read: %i is %s', (codec, name) => {
    const [batch] = [...decodeRecordBatches(withCodec(sealedBytes(), codec), crc32c)];
    expect(() => batch?.records().toArray()).toThrow(new RegExp(name));
  });

  it('takes the broker’s time where the topic asks for it', () => {
    const bytes = withCodec(sealedBytes(), 8);
    bytes.writeBigInt64BE(1_700_000_000_000n, BATCH.maxTimestamp);
    bytes.writeUInt32BE(crc32c(bytes.subarray(BATCH.attributes)), BATCH.crc);
    const [batch] = [...decodeRecordBatches(bytes, crc32c)];
    expect(batch?.records().toArray()[0]?.timestampMs).toBe(1_700_000_000_000);
  });
});

describe('sequence numbers', () => {
  it.each([
    [0, 5, 5],
    [0x7fffffff - 5, 5, 0x7fffffff],
    [0x7fffffff - 4, 5, 0],
    [0x7fffffff, 1, 0],
    [0x7fffffff, 10, 9],
  ])('%i followed by %i records is %i', (sequence, records, expected) => {
    expect(sequenceAfter(sequence, records)).toBe(expected);
  });
});

/** A lone surrogate has no UTF-8 form; the encoder writes U+FFFD. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
