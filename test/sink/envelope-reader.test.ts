import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeChange } from '../../src/sink/change-record.ts';
import { readEnvelope } from '../../src/sink/envelope-reader.ts';
import { scanObject } from '../../src/sink/json-scan.ts';
import {
  COMMITTED_AT_HEADER,
  INVALID_TEXT_HEADER,
  SCHEMA_HEADER,
  SEQUENCE_HEADER,
} from '../../src/topic/publisher.ts';
import type { Topic } from '../../src/topic/topic-name.ts';

const TOPIC = 'p.shop.orders' as Topic;
const SEQ = '00000001/0000000000000002/00000003';
const SOURCE = '{"ts_us":1763858096789012,"db":"shop","file":"binlog.000007","pos":4,"row":0}';

const envelope = (op: string, before: string, after: string): string =>
  `{"before":${before},"after":${after},"source":${SOURCE},"op":"${op}","ts_ms":1}`;

const record = (value: string | null, headers: Record<string, string>) => ({
  offset: 5,
  timestampMs: 0,
  key: Buffer.from('{"id":1}'),
  value: value === null ? null : Buffer.from(value),
  headers: new Map(Object.entries(headers)),
});
const HEADERS = { [SEQUENCE_HEADER]: SEQ, [SCHEMA_HEADER]: 'abc' };

describe('scanObject', () => {
  it('finds the members of any JSON object where JSON.parse finds them', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom(undefined, 1, '\t'),
        (object, indent) => {
          const text = JSON.stringify(object, undefined, indent);
          const found: [string, unknown][] = [];
          scanObject(text, (name, start, end) =>
            found.push([name, JSON.parse(text.slice(start, end))]),
          );
          expect(found).toEqual(Object.entries(JSON.parse(text) as object));
        },
      ),
    );
  });

  it.each([
    '',
    '1',
    '[]',
    '{',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1}}',
    '{"a":"',
    '{"a":[}',
    '{"a" 1}',
    '{a:1}',
    '{"a":,}',
  ])('refuses %s', (text) => {
    expect(() => scanObject(text, () => {})).toThrow('not a JSON object');
  });
});

describe('readEnvelope', () => {
  it('takes row images as they are written, digits and spaces included', () => {
    const after = '{"id": 18446744073709551615,"d":-0,"t":"}\\\\\\"{","n":{"a":[1.10]}}';
    expect(readEnvelope(envelope('c', 'null', after))).toEqual({
      op: 'c',
      before: 'null',
      after,
      committedAtUs: 1763858096789012,
      position: 'binlog.000007:4',
    });
  });

  it('does not care about the order of members', () => {
    const text = ` { "op" : "u", "source": {"row":0, "pos":9,"file":"f","ts_us":5}, "after" : {"a":1} , "before" : {"a":0} } `;
    expect(readEnvelope(text)).toEqual({
      op: 'u',
      before: '{"a":0}',
      after: '{"a":1}',
      committedAtUs: 5,
      position: 'f:9',
    });
  });

  it('reads what the writer writes the same with and without an envelope of the same event before it', () => {
    const own = (op: string, row: number, pos: number) =>
      `{"before":null,"after":{"t":"\\",\\"op\\":\\"d"},"source":{"ts_us":5,"file":"f","pos":${pos},"row":${row},"thread":1,"query":null},"transaction":null,"op":"${op}","ts_ms":1,"ts_us":1000,"ts_ns":1000000}`;
    const texts = [own('c', 0, 1), own('u', 12, 1), own('r', 3, 2), own('c', 4, 1)];
    const expected = [
      ['c', 'f:1'],
      ['u', 'f:1'],
      ['r', 'f:2'],
      ['c', 'f:1'],
    ];
    expect(texts.map(readEnvelope).map(({ op, position }) => [op, position])).toEqual(expected);
    for (const text of texts) expect(readEnvelope(text).after).toBe('{"t":"\\",\\"op\\":\\"d"}');
  });

  it('reads the source of each event anew', () => {
    const other = envelope('c', 'null', '{}').replace('"pos":4', '"pos":5');
    expect(readEnvelope(envelope('c', 'null', '{}')).position).toBe('binlog.000007:4');
    expect(readEnvelope(other).position).toBe('binlog.000007:5');
  });
});

describe('decodeChange', () => {
  it.each([
    ['c', 'null', '{"id":1}', '{"id":1}'],
    ['r', 'null', '{"id":1}', '{"id":1}'],
    ['u', '{"id":0}', '{"id":1}', '{"id":1}'],
    ['d', '{"id":0}', 'null', '{"id":0}'],
  ])('takes the row image that the op %s is about', (op, before, after, row) => {
    const change = decodeChange(record(envelope(op, before, after), HEADERS), TOPIC, 1);
    expect(change).toEqual({
      schemaId: 'abc',
      row: {
        op,
        seq: SEQ,
        key: '{"id":1}',
        row,
        committedAtUs: 1763858096789012,
        position: 'binlog.000007:4',
        partition: 1,
        offset: 5,
      },
    });
  });

  it('takes the non-decreasing commit time of the header where it differs from that of the source', () => {
    const later = { ...HEADERS, [COMMITTED_AT_HEADER]: '1763858096789013' };
    expect(
      decodeChange(record(envelope('c', 'null', '{}'), later), TOPIC, 1)?.row.committedAtUs,
    ).toBe(1763858096789013);
  });

  it('leaves tombstones and truncates alone', () => {
    expect(decodeChange(record(null, HEADERS), TOPIC, 1)).toBeUndefined();
    expect(decodeChange(record(envelope('t', 'null', 'null'), {}), TOPIC, 1)).toBeUndefined();
  });

  it.each([
    ['without a sequence', envelope('c', 'null', '{}'), { [SCHEMA_HEADER]: 'abc' }],
    ['without a schema', envelope('c', 'null', '{}'), { [SEQUENCE_HEADER]: SEQ }],
    [
      'with a sequence of another shape',
      envelope('c', 'null', '{}'),
      { ...HEADERS, [SEQUENCE_HEADER]: '1' },
    ],
    [
      'with a commit time that is none',
      envelope('c', 'null', '{}'),
      { ...HEADERS, [COMMITTED_AT_HEADER]: '1.5' },
    ],
    ['with an unknown op', envelope('m', 'null', '{}'), HEADERS],
    ['without the image its op needs', envelope('d', 'null', '{}'), HEADERS],
    ['that is no envelope', '{"secret":4711}', HEADERS],
    ['that is no JSON', 'secret 4711', HEADERS],
  ])('refuses a record %s, naming its place and none of its values', (_what, value, headers) => {
    const decode = () => decodeChange(record(value, headers), TOPIC, 1);
    expect(decode).toThrow(expect.objectContaining({ code: 'kafka.record-unreadable' }));
    expect(decode).toThrow(/offset 5 of p\.shop\.orders partition 1/);
    expect(decode).not.toThrow(/4711/);
  });

  const noted = (entries: string): Record<string, string> => ({
    ...HEADERS,
    [INVALID_TEXT_HEADER]: entries,
  });

  it('has the bytes of values that are no texts, of the image that its op shows', () => {
    const header = noted(
      '[{"image":"before","column":"b","done":"bytes"},{"image":"after","column":"a\\"b","done":"bytes"},{"image":"after","column":"c","done":"replaced","was":"0x41FF"}]',
    );
    const after = String.raw`{"id":1,"a\"b":"0xFE","c":"A","b":"0x00"}`;
    const updated = decodeChange(record(envelope('u', '{"id":1}', after), header), TOPIC, 1);
    expect([...(updated?.row.invalid ?? [])]).toEqual([
      ['a"b', '0xFE'],
      ['c', '0x41FF'],
    ]);
    const deleted = decodeChange(
      record(envelope('d', '{"id":1,"b":"0x00"}', 'null'), header),
      TOPIC,
      1,
    );
    expect([...(deleted?.row.invalid ?? [])]).toEqual([['b', '0x00']]);
  });

  it.each([
    '4711',
    '[4711]',
    '[{"image":"after","column":"a","done":"4711"}]',
    '[{"image":"4711","column":"a","done":"bytes"}]',
    '[{"image":"after","column":"a","done":"replaced","was":"4711"}]',
    '[{"image":"after","column":"a","done":"bytes"}]',
    '[{"image":"after","column":"missing","done":"bytes"}]',
    '[{"image":"after"',
  ])('refuses a record that says of its texts %s, and repeats nothing of it', (entries) => {
    const decode = () =>
      decodeChange(record(envelope('c', 'null', '{"a":"4711"}'), noted(entries)), TOPIC, 1);
    expect(decode).toThrow(/__sluice\.invalid_text/);
    expect(decode).toThrow(expect.objectContaining({ code: 'kafka.record-unreadable' }));
    expect(decode).not.toThrow(/4711/);
  });
});
