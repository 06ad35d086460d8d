import { crc32c } from '@node-rs/crc32';
import { describe, expect, it } from 'vitest';
import type { RowsEvent } from '../../src/binlog/event.ts';
import { JsonBytes } from '../../src/binlog/json-bytes.ts';
import type { BeforeImageRule, InvalidTextRule } from '../../src/change/row-settings.ts';
import { type SchemaId, tableName } from '../../src/change/table.ts';
import { decodeChange } from '../../src/sink/change-record.ts';
import { BufferPool, DEFAULT_LIMITS, RecordBatches } from '../../src/topic/outgoing-batch.ts';
import { stampBatch } from '../../src/topic/record-batch.ts';
import { type BatchRecord, decodeRecordBatches } from '../../src/topic/record-batch-reader.ts';
import { RowRecords } from '../../src/topic/row-records.ts';
import type { SourceBlock } from '../../src/topic/source-block.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import { type TextRow, textEvent, textTable } from '../support/text-table.ts';

const TOPIC = 'p.shop.texts' as Topic;
const SOURCE: SourceBlock = {
  pipeline: 'shop',
  tsUs: 1_795_398_669_490_123,
  snapshot: false,
  database: 'shop',
  table: 'texts',
  serverId: 1,
  gtid: '3e11fa47-71ca-11e1-9e33-c80aa9429562:905',
  file: 'binlog.000002',
  pos: 12_345,
  threadId: null,
  nowMs: 1_795_398_669_500,
};

interface Settings {
  readonly invalidText?: InvalidTextRule;
  readonly beforeImage?: BeforeImageRule;
  /** An earlier transaction was committed later: one more header. */
  readonly late?: boolean;
  readonly snapshot?: boolean;
}

interface SentRecord {
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly op: string;
  readonly headers: Readonly<Record<string, string>>;
  /** As sinks take it. */
  readonly change: ReturnType<typeof decodeChange>;
}

/** The records of an event, through a record batch and back. */
function recordsOf(
  op: RowsEvent['op'],
  images: readonly TextRow[],
  { invalidText = 'replace', beforeImage, late = false, snapshot = false }: Settings = {},
): readonly SentRecord[] {
  const schema = textTable('utf8mb4');
  const route = {
    table: tableName(schema.id),
    topic: TOPIC,
    partitions: 1,
    schema,
    schemaId: '0123456789abcdef' as SchemaId,
    ...(beforeImage ? { beforeImage } : {}),
  };
  const source = { ...SOURCE, ...(late ? { committedAtUs: SOURCE.tsUs + 1 } : {}) };
  const batches = new RecordBatches(DEFAULT_LIMITS, new BufferPool());
  const records = new RowRecords();
  records.begin({ route, source, epoch: 3, commitOrdinal: 70_000 });
  const rows = textEvent(schema, op, images, invalidText).encode(new JsonBytes());
  for (let index = 0; rows.next(); index += 1)
    if (snapshot) records.appendSnapshot(batches, rows, index);
    else records.append(batches, rows, index, index);
  return batches.seal().flatMap(({ batches: sealed }) =>
    sealed.flatMap((batch) => {
      stampBatch(batch, { producerId: 1n, producerEpoch: 0 }, 0, crc32c);
      return [...decodeRecordBatches(batch.bytes, crc32c)].flatMap((each) =>
        [...each.records()].map(recordOf),
      );
    }),
  );
}

function recordOf({ key, value, headers }: BatchRecord, offset: number): SentRecord {
  const envelope = JSON.parse(value?.toString() ?? '{}') as Omit<SentRecord, 'key' | 'headers'>;
  return {
    ...envelope,
    key: String(key),
    headers: Object.fromEntries(headers),
    change: decodeChange({ offset, timestampMs: 0, key, value, headers }, TOPIC, 0),
  };
}

const row = (id: number, word: string, note = 'n'): TextRow => ({
  word: Buffer.from(word, 'latin1'),
  id,
  note: Buffer.from(note, 'latin1'),
});

const INVALID = '__sluice.invalid_text';
const noted = (record: SentRecord | undefined): unknown =>
  JSON.parse(record?.headers[INVALID] ?? 'null');

describe.each([false, true])('a record (an earlier one committed later: %s)', (late) => {
  it('names the values that stand for texts which are none, and no other record does', () => {
    const records = recordsOf('insert', [row(1, 'a'), row(2, 'A\xff'), row(3, 'b')], { late });
    expect(records.map(noted)).toEqual([
      null,
      [{ image: 'after', column: 'word', done: 'replaced', was: '0x41FF' }],
      null,
    ]);
    expect(records.map(({ headers }) => Object.keys(headers).length)).toEqual(
      late ? [3, 4, 3] : [2, 3, 2],
    );
    expect(records.map(({ change }) => change?.row.invalid)).toEqual([
      undefined,
      new Map([['word', '0x41FF']]),
      undefined,
    ]);
  });

  it('of a snapshot names them as the record of the log does', () => {
    const images = [row(1, '\xff'), row(2, 'a')];
    const [copied, streamed] = [true, false].map((snapshot) =>
      recordsOf('insert', images, { late, snapshot }),
    );
    expect(copied?.map(noted)).toEqual(streamed?.map(noted));
    expect(copied?.[0]).toMatchObject({ op: 'r', after: { word: '\ufffd' } });
  });

  it('of an update names those of both images, and sinks take those after it', () => {
    const [update] = recordsOf('update', [row(1, '\xff'), row(1, 'a', '\xfe')], { late });
    expect(noted(update)).toEqual([
      { image: 'before', column: 'word', done: 'replaced', was: '0xFF' },
      { image: 'after', column: 'note', done: 'replaced', was: '0xFE' },
    ]);
    expect(update?.change?.row.invalid).toEqual(new Map([['note', '0xFE']]));
  });

  it('of a change of the key names those of its own image, beside the other key', () => {
    const records = recordsOf('update', [row(1, '\xff'), row(2, '\xfe')], { late });
    expect(records.map(noted)).toEqual([
      [{ image: 'before', column: 'word', done: 'replaced', was: '0xFF' }],
      null,
      [{ image: 'after', column: 'word', done: 'replaced', was: '0xFE' }],
    ]);
    expect(records.map(({ headers }) => headers['__debezium.newkey'])).toEqual([
      '{"id":2}',
      undefined,
      undefined,
    ]);
    expect(records[2]?.headers['__debezium.oldkey']).toBe('{"id":1}');
  });

  it('of a delete names those of the row that is gone, its tombstone none', () => {
    const records = recordsOf('delete', [row(1, '\xff')], { late, invalidText: 'bytes' });
    expect(records.map(noted)).toEqual([
      [{ image: 'before', column: 'word', done: 'bytes' }],
      null,
    ]);
    expect(records[0]?.before).toMatchObject({ word: '0xFF' });
    expect(records[0]?.change?.row.invalid).toEqual(new Map([['word', '0xFF']]));
  });

  it('of an update has the key alone before it where the table is set so, and says so', () => {
    const images = [row(1, 'a'), row(1, 'b')];
    const [full] = recordsOf('update', images, { late });
    const [short] = recordsOf('update', images, { late, beforeImage: 'key' });
    expect(full?.headers['__sluice.before']).toBeUndefined();
    expect(full?.before).toEqual({ word: 'a', id: 1, note: 'n' });
    expect(short).toEqual({
      ...full,
      before: { id: 1 },
      headers: { ...full?.headers, '__sluice.before': 'key' },
    });
  });

  it('of an update with the key alone before it names no text that is not in it', () => {
    const settings = { late, beforeImage: 'key' } as const;
    const [left] = recordsOf('update', [row(1, '\xff'), row(1, 'a')], settings);
    expect(noted(left)).toBeNull();
    const [kept] = recordsOf('update', [row(1, '\xff'), row(1, '\xff')], settings);
    expect(noted(kept)).toMatchObject([{ image: 'after', column: 'word' }]);
    expect(kept?.headers['__sluice.before']).toBe('key');
  });

  it.each(['insert', 'delete'] as const)(
    'of an %s has the whole row, with the key before updates',
    (op) => {
      const [full, short] = (['full', 'key'] as const).map((beforeImage) =>
        recordsOf(op, [row(1, 'a')], { late, beforeImage }),
      );
      expect(short).toEqual(full);
    },
  );

  it('of a change of the key has the whole row before it, so that sinks keep what was deleted', () => {
    const images = [row(1, 'a'), row(2, 'a')];
    const records = recordsOf('update', images, { late, beforeImage: 'key' });
    expect(records).toEqual(recordsOf('update', images, { late }));
    expect(records.map(({ op }) => op)).toEqual(['d', undefined, 'c']);
    expect(records[0]?.before).toEqual({ word: 'a', id: 1, note: 'n' });
  });
});
