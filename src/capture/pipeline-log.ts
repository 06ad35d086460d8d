import type { OutgoingBatch } from '../topic/publisher.ts';
import type { Topic, TopicIdentity } from '../topic/topic-name.ts';
import type { StoredPipeline } from './position-records.ts';

/**
 * Port: the pipeline's own topics, written exactly once. Implemented in src/kafka.
 *
 * Start order is part of the contract: `fence`, then `load`. Reading first could miss a commit that
 * a zombie completes later.
 */
export interface PipelineLog {
  /**
   * Newest committed state without fencing, to refuse a foreign owner before doing harm.
   * Creates the internal topics when they do not exist.
   */
  peek(): Promise<StoredPipeline>;
  /** InitProducerId with producer id −1: aborts what an earlier attempt left open and fences it. */
  fence(): Promise<void>;
  /** Reads read_committed up to the end offsets taken now. */
  load(): Promise<StoredPipeline>;
  /**
   * Creates those that are missing.
   * @param known  topics that records have been written to: nothing may have happened to them
   * @throws {SluiceError} `kafka.topic-recreated` | `kafka.partitions-changed`
   */
  ensureTopics(
    topics: readonly Topic[],
    known: ReadonlyMap<Topic, TopicIdentity>,
  ): Promise<ReadonlyMap<Topic, TopicIdentity>>;
  newBatch(): OutgoingBatch;
  /**
   * One transaction: begin, records, commit. Resolves when the coordinator has acknowledged the
   * commit; one call at a time. The batch is consumed.
   * @throws {SluiceError} `kafka.fenced` when another attempt has taken over; anything else means
   *   the outcome is unknown and only `fence` and `load` tell it
   */
  publish(batch: OutgoingBatch): Promise<void>;
  close(): Promise<void>;
}
