import { SluiceError } from '../errors/error.ts';
import type { SinkRecord } from '../sink/sink-log.ts';

/** @throws {SluiceError} `kafka.record-unreadable` when it is not a sink's record of version 1 */
export function parseSinkRecord(value: Buffer): SinkRecord {
  const record = parseObject('sink', value);
  const { id, state } = (record['warehouse'] ?? {}) as Readonly<Record<string, unknown>>;
  const complete = typeof id === 'string' && (state === 'preparing' || state === 'ready');
  if (record['v'] !== 1 || !complete) throw unreadable('sink');
  return record as unknown as SinkRecord;
}

function parseObject(key: string, value: Buffer): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value.toString());
  } catch (cause) {
    throw unreadable(key, cause);
  }
  if (typeof parsed !== 'object' || parsed === null) throw unreadable(key);
  return parsed as Record<string, unknown>;
}

function unreadable(key: string, cause?: unknown): SluiceError {
  return new SluiceError(
    'kafka.record-unreadable',
    `The ${key} record of an internal topic is not one that this version of Sluice wrote.`,
    { cause, facts: { key } },
  );
}
