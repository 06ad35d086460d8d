import { setTimeout as sleep } from 'node:timers/promises';
import type { Crc32c } from '../topic/record-batch.ts';
import type { BatchRecord } from '../topic/record-batch-reader.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { Cluster } from './cluster.ts';
import { committedBatches } from './committed-batches.ts';
import { CommittedReader } from './committed-reader.ts';

const MAX_BYTES = 8 << 20;
/** Shorter than the request timeout by far, so that a lost broker is noticed. */
const LONGEST_POLL_MS = 5000;
/** While the topic does not exist, how often to look. */
const ABSENT_RETRY_MS = 250;

/** What a follower reports, in log order. */
export interface TopicListener {
  record(record: BatchRecord): void;
  /** Everything reported so far belongs to transactions that have ended. */
  settled(): void;
}

/** Reads a topic of one partition from its beginning and stays at its end. */
export class TopicFollower {
  readonly #cluster: Cluster;
  readonly #reader: CommittedReader;
  readonly #topic: Topic;
  readonly #crc32c: Crc32c;
  readonly #listener: TopicListener;
  #offset: number | undefined;

  constructor(cluster: Cluster, topic: Topic, crc32c: Crc32c, listener: TopicListener) {
    this.#cluster = cluster;
    this.#reader = new CommittedReader(cluster);
    this.#topic = topic;
    this.#crc32c = crc32c;
    this.#listener = listener;
  }

  /**
   * Reads what is new, to the end; waits for something new until `deadlineMs` (a Date.now() time)
   * when there is nothing. False when the topic does not exist by then.
   */
  async poll(deadlineMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.#offset === undefined && !(await this.#find(deadlineMs, signal))) return false;
    for (;;) {
      const before = this.#offset;
      const caughtUp = await this.#fetch(Math.max(0, deadlineMs - Date.now()), signal);
      const progressed = this.#offset !== before;
      if (caughtUp && (progressed || Date.now() >= deadlineMs)) return true;
    }
  }

  async #find(deadlineMs: number, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      signal.throwIfAborted();
      const counts = await this.#cluster.describe([this.#topic], signal);
      if (counts.get(this.#topic) !== undefined) break;
      const leftMs = deadlineMs - Date.now();
      if (leftMs <= 0) return false;
      await sleep(Math.min(leftMs, ABSENT_RETRY_MS), undefined, { signal });
    }
    const [earliest] = await this.#reader.earliestOffsets([{ topic: this.#topic, partition: 0 }]);
    this.#offset = earliest?.offset ?? 0;
    return true;
  }

  /** True when nothing committed lies ahead. */
  async #fetch(waitMs: number, signal: AbortSignal): Promise<boolean> {
    const position = { topic: this.#topic, partition: 0, offset: this.#offset ?? 0 };
    const limits = {
      maxWaitMs: Math.min(waitMs, LONGEST_POLL_MS),
      maxBytes: MAX_BYTES,
      maxPartitionBytes: MAX_BYTES,
    };
    let caughtUp = true;
    for (const fetched of await this.#reader.fetch([position], limits, signal)) {
      for (const { kind, batch } of committedBatches(fetched, this.#crc32c)) {
        if (kind === 'data') {
          for (const record of batch.records()) {
            if (record.offset >= position.offset) this.#listener.record(record);
          }
        }
        if (kind === 'marker') this.#listener.settled();
        this.#offset = batch.lastOffset + 1;
      }
      caughtUp = (this.#offset ?? 0) >= fetched.lastStableOffset;
    }
    // Compaction may have removed the last marker; below the last stable offset all has ended anyway.
    if (caughtUp) this.#listener.settled();
    return caughtUp;
  }
}
