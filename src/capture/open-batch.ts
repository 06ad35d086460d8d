import type { Checkpoint, SnapshotPlan } from '../change/checkpoint.ts';
import type { Sequence } from '../change/sequence.ts';
import { type SchemaId, type TableComments, type TableSchema, tableName } from '../change/table.ts';
import { type ControlRecord, formatControlRecord } from '../topic/control-record.ts';
import type { TableRoute } from '../topic/envelope.ts';
import { type OutgoingBatch, POSITION_KEYS, SEQUENCE_HEADER } from '../topic/publisher.ts';
import { canonicalSchema } from '../topic/schema-record.ts';
import {
  type InternalTopics,
  internalTopics,
  type Topic,
  type TopicIdentity,
} from '../topic/topic-name.ts';
import { CommentRecord } from './comment-record.ts';
import type { PipelineLog, StoredPipeline } from './pipeline-log.ts';

/**
 * The batch that is being filled, and what the pipeline's own topics will say once it is committed.
 *
 * Topics, schemas and the snapshot plan are written in the transaction of the first record that
 * needs them, so a reader that has seen the record can look them up.
 */
export class OpenBatch {
  readonly #log: PipelineLog;
  readonly #nowMs: () => number;
  readonly #commitTimeUs: () => number;
  readonly #internal: InternalTopics;
  readonly #schemaIds: Set<SchemaId>;
  readonly #topics: Map<Topic, TopicIdentity>;
  readonly #comments: CommentRecord;
  #outgoing: OutgoingBatch;
  #topicsChanged = false;
  #planWritten: SnapshotPlan | undefined;

  /** @param commitTimeUs  of the transaction that is being read, or of the newest one */
  constructor(
    log: PipelineLog,
    prefix: string,
    nowMs: () => number,
    commitTimeUs: () => number,
    stored: Omit<StoredPipeline, 'checkpoint'>,
  ) {
    this.#log = log;
    this.#nowMs = nowMs;
    this.#commitTimeUs = commitTimeUs;
    this.#internal = internalTopics(prefix);
    this.#schemaIds = new Set(stored.schemaIds);
    this.#topics = new Map(stored.topics);
    this.#comments = new CommentRecord(stored.comments);
    this.#planWritten = stored.snapshot;
    this.#outgoing = log.newBatch();
  }

  get outgoing(): OutgoingBatch {
    return this.#outgoing;
  }
  /** Every table topic used or announced so far. */
  get topics(): ReadonlyMap<Topic, TopicIdentity> {
    return this.#topics;
  }

  learnTopics(topics: ReadonlyMap<Topic, TopicIdentity>): void {
    for (const [topic, identity] of topics) {
      if (this.#topics.get(topic)?.id === identity.id) continue;
      this.#topics.set(topic, identity);
      this.#topicsChanged = true;
    }
  }

  hasSchema(id: SchemaId): boolean {
    return this.#schemaIds.has(id);
  }

  /** Puts a schema on record unless it is; `seq` is that of the first row that has it. */
  recordSchema(route: TableRoute, seq: () => Sequence): void {
    if (this.#schemaIds.has(route.schemaId)) return;
    this.#schemaIds.add(route.schemaId);
    this.#append(this.#internal.schemas, route.schemaId, canonicalSchema(route.schema));
    this.#schemaRecord(route, seq());
  }

  learnComments({ id }: TableSchema, comments: TableComments): void {
    this.#comments.learn(tableName(id), comments);
  }

  /** Whether {@link recordComments} has something to write. A schema that is not on record brings its comments itself. */
  hasCommentsDue(schemaId: SchemaId, schema: TableSchema): boolean {
    return this.#schemaIds.has(schemaId) && this.#comments.isDue(schema);
  }

  /** Writes a schema once more, with the comments that it has got since. */
  recordComments(route: TableRoute, seq: Sequence): void {
    this.#schemaRecord(route, seq);
  }

  #schemaRecord({ table, schema, schemaId }: TableRoute, seq: Sequence): void {
    const comments = this.#comments.take(schema);
    this.control({ kind: 'schema', seq, table, schemaId, ...(comments ? { comments } : {}) });
  }

  control(record: ControlRecord): void {
    const key = 'table' in record ? record.table : null;
    const timed = { ...record, committedAtUs: this.#commitTimeUs() };
    this.#append(this.#internal.control, key, formatControlRecord(timed), [
      [SEQUENCE_HEADER, record.seq],
    ]);
  }

  /** Appends what changed and, last, the checkpoint; a new batch is open afterwards. */
  seal(checkpoint: Checkpoint, plan: SnapshotPlan): OutgoingBatch {
    const { positions } = this.#internal;
    if (this.#topicsChanged)
      this.#append(
        positions,
        POSITION_KEYS.topics,
        JSON.stringify(Object.fromEntries(this.#topics)),
      );
    const comments = this.#comments.takeChanged();
    if (comments)
      this.#append(positions, POSITION_KEYS.comments, JSON.stringify(Object.fromEntries(comments)));
    if (plan !== this.#planWritten)
      this.#append(positions, POSITION_KEYS.snapshot, JSON.stringify(plan));
    this.#append(positions, POSITION_KEYS.checkpoint, JSON.stringify(checkpoint));
    this.#topicsChanged = false;
    this.#planWritten = plan;
    const sealed = this.#outgoing;
    this.#outgoing = this.#log.newBatch();
    return sealed;
  }

  #append(
    topic: Topic,
    key: string | null,
    value: string,
    headers: readonly (readonly [string, string])[] = [],
  ): void {
    this.#outgoing.append({
      topic,
      partition: 0,
      key,
      value,
      headers,
      timestampMs: this.#nowMs(),
    });
  }
}
