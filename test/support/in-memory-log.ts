import type { PipelineLog } from '../../src/capture/pipeline-log.ts';
import { parsePositions, type StoredPipeline } from '../../src/capture/position-records.ts';
import type { SchemaId } from '../../src/change/table.ts';
import { SluiceError } from '../../src/errors/error.ts';
import {
  type EncodedRecord,
  type OutgoingBatch,
  type OutgoingRecord,
} from '../../src/topic/publisher.ts';
import { internalTopics, type Topic, type TopicIdentity } from '../../src/topic/topic-name.ts';
import { decodedRecord } from './decoded-record.ts';

/** The broker's side of a pipeline log: committed records in order, and who holds the fence. */
export class InMemoryBroker {
  readonly committed: OutgoingRecord[] = [];
  fence = 0;
  /** Turns of the event loop before it answers a commit. */
  commitTurns = 1;
}

class MemoryBatch implements OutgoingBatch {
  readonly list: OutgoingRecord[] = [];
  get records(): number {
    return this.list.length;
  }
  get heldBytes(): number {
    return this.bytes;
  }
  get bytes(): number {
    return this.list.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
  }
  append(record: OutgoingRecord): void {
    this.list.push(record);
  }
  appendEncoded(record: EncodedRecord): void {
    this.list.push(decodedRecord(record));
  }
}

/** What the broker does with a commit: obey, or lose the answer before or after obeying. */
export type CommitFate = 'commit' | 'failBefore' | 'failAfter';

export class InMemoryLog implements PipelineLog {
  readonly #broker: InMemoryBroker;
  readonly #prefix: string;
  readonly #fate: () => CommitFate;
  #epoch = -1;

  constructor(broker: InMemoryBroker, prefix: string, fate: () => CommitFate) {
    this.#broker = broker;
    this.#prefix = prefix;
    this.#fate = fate;
  }

  peek(): Promise<StoredPipeline> {
    return Promise.resolve(this.#stored());
  }
  fence(): Promise<void> {
    this.#broker.fence += 1;
    this.#epoch = this.#broker.fence;
    return Promise.resolve();
  }
  load(): Promise<StoredPipeline> {
    return Promise.resolve(this.#stored());
  }
  ensureTopics(topics: readonly Topic[]): Promise<ReadonlyMap<Topic, TopicIdentity>> {
    return Promise.resolve(new Map(topics.map((topic) => [topic, { partitions: 3, id: topic }])));
  }
  newBatch(): OutgoingBatch {
    return new MemoryBatch();
  }
  async publish(batch: OutgoingBatch): Promise<void> {
    for (let turn = 0; turn < this.#broker.commitTurns; turn += 1)
      await new Promise((resolve) => setImmediate(resolve));
    if (this.#epoch !== this.#broker.fence) throw new SluiceError('kafka.fenced', 'fenced');
    const fate = this.#fate();
    if (!(batch instanceof MemoryBatch)) throw new TypeError('a batch of another log');
    if (fate !== 'failBefore') this.#broker.committed.push(...batch.list);
    if (fate !== 'commit') throw new Error(`the answer to a commit was lost (${fate})`);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }

  #stored(): StoredPipeline {
    const { positions, schemas } = internalTopics(this.#prefix);
    const committed = this.#broker.committed.filter(({ topic }) => topic === positions);
    const texts = new Map(committed.map(({ key, value }) => [key ?? '', value ?? '']));
    return {
      ...parsePositions(texts),
      schemaIds: new Set(
        this.#broker.committed.filter((r) => r.topic === schemas).map((r) => r.key as SchemaId),
      ),
    };
  }
}
