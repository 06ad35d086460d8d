import type { Checkpoint, SnapshotPlan } from '../change/checkpoint.ts';
import type { TableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { SinkRecord } from '../sink/sink-log.ts';
import type { Topic, TopicIdentity } from '../topic/topic-name.ts';

/** @throws {SluiceError} `kafka.record-unreadable` when it is not a checkpoint of version 1 */
export function parseCheckpoint(value: Buffer): Checkpoint {
  const record = parseObject('checkpoint', value);
  const complete =
    record['v'] === 1 &&
    typeof record['owner'] === 'string' &&
    typeof record['gtidSet'] === 'string' &&
    Number.isSafeInteger(record['epoch']) &&
    Number.isSafeInteger(record['commitOrdinal']);
  if (!complete) throw unreadable('checkpoint');
  return record as unknown as Checkpoint;
}

/** @throws {SluiceError} `kafka.record-unreadable` when it is not a plan of version 1 */
export function parseSnapshotPlan(value: Buffer): SnapshotPlan {
  const record = parseObject('snapshot', value);
  const complete =
    record['v'] === 1 && Array.isArray(record['tables']) && Array.isArray(record['requests']);
  if (!complete) throw unreadable('snapshot');
  return record as unknown as SnapshotPlan;
}

/** @throws {SluiceError} `kafka.record-unreadable` when a topic lacks its id or a partition count */
export function parseTopics(value: Buffer): ReadonlyMap<Topic, TopicIdentity> {
  const topics = Object.entries(parseObject('topics', value));
  return new Map(
    topics.map(([topic, identity]) => {
      const { partitions, id } = Object(identity) as Partial<Record<keyof TopicIdentity, unknown>>;
      if (typeof id !== 'string' || !Number.isSafeInteger(partitions)) throw unreadable('topics');
      return [topic as Topic, { partitions: Number(partitions), id }];
    }),
  );
}

/** @throws {SluiceError} `kafka.record-unreadable` when a digest is no text */
export function parseCommentDigests(value: Buffer): ReadonlyMap<TableName, string> {
  const digests = Object.entries(parseObject('comments', value));
  return new Map(
    digests.map(([table, digest]) => {
      if (typeof digest !== 'string') throw unreadable('comments');
      return [table as TableName, digest];
    }),
  );
}

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
