import type { HexText, InvalidText } from '../change/encoded-row.ts';
import { parseSequence, type Sequence } from '../change/sequence.ts';
import type { SchemaId } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import { isHexText, readInvalidTextHeader } from '../topic/invalid-text-header.ts';
import {
  COMMITTED_AT_HEADER,
  INVALID_TEXT_HEADER,
  SCHEMA_HEADER,
  SEQUENCE_HEADER,
} from '../topic/publisher.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { ChangeRow } from './destination.ts';
import { type EnvelopeParts, readEnvelope } from './envelope-reader.ts';
import { scanObject } from './json-scan.ts';
import type { TopicRecord } from './record-source.ts';

export interface DecodedChange {
  readonly schemaId: SchemaId;
  readonly row: ChangeRow;
}

/**
 * The change in a record of a table topic. `undefined` for what sinks leave alone: tombstones, and
 * `op: t`, whose truncate is in the control topic.
 *
 * @throws {SluiceError} `kafka.record-unreadable` when Sluice did not write it
 */
export function decodeChange(
  record: TopicRecord,
  topic: Topic,
  partition: number,
): DecodedChange | undefined {
  const { value, headers, key } = record;
  if (value === null) return undefined;
  try {
    const envelope = readEnvelope(value.toString());
    if (envelope.op === 't') return undefined;
    const { position } = envelope;
    const seq = sequenceOf(headers);
    const committedAtUs = committedAtOf(headers) ?? envelope.committedAtUs;
    const place = { position, partition, offset: record.offset };
    const image = { seq, key: key?.toString() ?? '', committedAtUs, ...place };
    const row: ChangeRow = { ...image, ...rowOf(envelope) };
    const noted = headers.get(INVALID_TEXT_HEADER);
    const schemaId = schemaIdOf(headers);
    return { schemaId, row: noted === undefined ? row : withInvalidTexts(row, noted) };
  } catch (cause) {
    throw new SluiceError(
      'kafka.record-unreadable',
      `The record at offset ${record.offset} of ${topic} partition ${partition} is not a change that Sluice wrote: ${reasonOf(cause)}.`,
      { cause, facts: { topic, partition, offset: record.offset } },
    );
  }
}

function rowOf({ op, before, after }: EnvelopeParts): Pick<ChangeRow, 'op' | 'row'> {
  switch (op) {
    case 'c':
    case 'u':
    case 'r':
      return { op, row: image(after) };
    case 'd':
      return { op, row: image(before) };
    default:
      throw new Unreadable('its op is unknown');
  }
}

/**
 * A copy: what was cut out of an envelope holds on to all of it, which is five times as large as the
 * row, for as long as the row waits.
 */
function image(text: string): string {
  if (text.startsWith('{')) return Buffer.from(text).toString();
  throw new Unreadable('it lacks the row image of its op');
}

/** The header of an update speaks of both its images. */
function withInvalidTexts(row: ChangeRow, header: string): ChangeRow {
  const texts = invalidTexts(header, row.op === 'd' ? 'before' : 'after');
  if (texts.length === 0) return row;
  const invalid = new Map<string, HexText>();
  for (const text of texts)
    invalid.set(text.column, text.done === 'replaced' ? text.was : hexAt(row.row, text.column));
  return { ...row, invalid };
}

function invalidTexts(header: string, image: 'before' | 'after'): readonly InvalidText[] {
  try {
    return readInvalidTextHeader(header, image);
  } catch {
    throw new Unreadable(`header ${INVALID_TEXT_HEADER} is not one that it may have`);
  }
}

function hexAt(row: string, column: string): HexText {
  let value: unknown;
  scanObject(row, (name, start, end) => {
    if (name === column) value = JSON.parse(row.slice(start, end));
  });
  if (isHexText(value)) return value;
  throw new Unreadable(`header ${INVALID_TEXT_HEADER} names a column that is not in hex`);
}

function sequenceOf(headers: TopicRecord['headers']): Sequence {
  const text = headers.get(SEQUENCE_HEADER);
  if (text === undefined) throw new Unreadable(`header ${SEQUENCE_HEADER} is missing`);
  parseSequence(text);
  return text as Sequence;
}

function committedAtOf(headers: TopicRecord['headers']): number | undefined {
  const text = headers.get(COMMITTED_AT_HEADER);
  if (text === undefined) return undefined;
  const us = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(us)) return us;
  throw new Unreadable(`header ${COMMITTED_AT_HEADER} is not a number of microseconds`);
}

function schemaIdOf(headers: TopicRecord['headers']): SchemaId {
  const text = headers.get(SCHEMA_HEADER);
  if (text === undefined) throw new Unreadable(`header ${SCHEMA_HEADER} is missing`);
  return text as SchemaId;
}

/** Its message names no value of the record. */
class Unreadable extends Error {}

function reasonOf(cause: unknown): string {
  return cause instanceof Unreadable ? cause.message : 'its value is not an envelope';
}
