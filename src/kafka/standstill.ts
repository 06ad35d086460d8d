import { SluiceError } from '../errors/error.ts';

/** Longer than a transaction of ours may be open, with the time a broker takes to notice. */
const HANGING_AFTER_MS = 60_000;
/** A clock alone would take a machine that slept for a broker that does not move. */
const HANGING_AFTER_READS = 60;

/**
 * Tells waiting for an open transaction from waiting for one whose end the broker has lost, which
 * read_committed never gets past. Kafka loses it when every broker that could lead a partition is
 * restarted within milliseconds of a commit: the coordinator takes the partitions for deleted, calls
 * the transaction complete and does not write its markers.
 */
export class Standstill {
  readonly #nowMs: () => number;
  #sinceMs: number;
  #reads = 0;

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
    this.#sinceMs = nowMs();
  }

  /**
   * After every read.
   * @param waitingFor the partitions that are not read to their end
   * @throws {SluiceError} `kafka.transaction-hanging`
   */
  afterRead(
    gotOn: boolean,
    waitingFor: readonly { readonly topic: string; readonly partition: number }[],
  ): void {
    if (gotOn) {
      this.#sinceMs = this.#nowMs();
      this.#reads = 0;
      return;
    }
    this.#reads += 1;
    const standingMs = this.#nowMs() - this.#sinceMs;
    if (standingMs < HANGING_AFTER_MS || this.#reads < HANGING_AFTER_READS) return;
    const partitions = waitingFor.map(({ topic, partition }) => `${topic}-${partition}`);
    throw new SluiceError(
      'kafka.transaction-hanging',
      `A transaction is open in ${partitions.join(', ')} for ${Math.round(standingMs / 1_000)} s, longer than any that is alive. kafka-transactions.sh find-hanging shows it, kafka-transactions.sh abort ends it.`,
      { facts: { partitions } },
    );
  }
}
