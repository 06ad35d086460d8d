import { parsePositions, type StoredPipeline } from '../../src/capture/position-records.ts';
import { tailTopic } from '../../src/kafka/tail.ts';
import { internalTopics } from '../../src/topic/topic-name.ts';

/** A topic that is not there yet is asked for again. */
const FOLLOW_MS = 2_000;

/** What a pipeline has committed of its position and its tables, as it commits it. */
export class PositionsWatch implements AsyncDisposable {
  readonly #records = new Map<string, string>();
  readonly #abort = new AbortController();
  readonly #following: Promise<void>;
  #changed = Promise.withResolvers<void>();

  constructor(brokers: readonly string[], prefix: string) {
    this.#following = this.#follow(brokers, internalTopics(prefix).positions);
  }

  /** Resolves once the committed position fulfils the condition. */
  async until(
    fulfilled: (stored: Omit<StoredPipeline, 'schemaIds'>) => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => undefined);
    signal.addEventListener('abort', () => aborted.reject(signal.reason as Error), { once: true });
    for (;;) {
      signal.throwIfAborted();
      const { promise } = this.#changed;
      if (fulfilled(parsePositions(this.#records))) return;
      await Promise.race([promise, aborted.promise]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#following;
  }

  async #follow(brokers: readonly string[], topic: string): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const signal = this.#abort.signal;
      try {
        for await (const { key, value } of tailTopic({
          brokers,
          topic,
          fromBeginning: true,
          signal,
        })) {
          if (key === null || value === null) continue;
          this.#records.set(key, value);
          this.#changed.resolve();
          this.#changed = Promise.withResolvers();
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS / 4));
      }
    }
  }
}
