import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, endTxnV3, initProducerIdV4 } from '@platformatic/kafka';
import { SluiceError } from '../errors/error.ts';
import type { PartitionBatches } from '../topic/outgoing-batch.ts';
import {
  type Crc32c,
  type ProducerIdentity,
  sequenceAfter,
  stampBatch,
} from '../topic/record-batch.ts';
import { addPartitions } from './add-partitions.ts';
import { isConcurrentTransaction, isTransient, kafkaFailure } from './broker-error.ts';
import { BACK_OFF_MS, type Cluster } from './cluster.ts';
import type { KafkaKillPoint } from './kill-points.ts';
import { produceEncoded, produceRequests } from './produce-request.ts';

const TRANSACTION_TIMEOUT_MS = 30_000;
const CONCURRENT_RETRY_MS = 1;

/**
 * The transactional producer of one transactional id. Nothing is ever sent twice: after any failure
 * the identity is dropped, and only `fence` makes `commit` possible again.
 */
export class TransactionProducer {
  readonly #cluster: Cluster;
  readonly #transactionalId: string;
  readonly #crc32c: Crc32c;
  #identity: ProducerIdentity | undefined;
  /** Next sequence number per `topic/partition`; begins at 0 with every identity. */
  #sequences = new Map<string, number>();
  readonly #reach: (point: KafkaKillPoint) => void;
  #coordinator: Connection | undefined;

  constructor(
    cluster: Cluster,
    transactionalId: string,
    crc32c: Crc32c,
    reach: (point: KafkaKillPoint) => void = () => undefined,
  ) {
    this.#reach = reach;
    this.#cluster = cluster;
    this.#transactionalId = transactionalId;
    this.#crc32c = crc32c;
  }

  /**
   * InitProducerId with producer id −1: any earlier producer of this transactional id is refused
   * from now on, and its open transaction has been aborted when this resolves.
   * @throws {SluiceError} `kafka.unreachable` | `kafka.refused`
   */
  async fence(): Promise<void> {
    this.#identity = undefined;
    this.#cluster.forgetLeaders();
    const deadlineMs = Date.now() + TRANSACTION_TIMEOUT_MS;
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#initProducerId();
        return;
      } catch (error) {
        const concurrent = isConcurrentTransaction(error);
        const backOffMs = concurrent ? 10 : BACK_OFF_MS[attempt];
        const worthwhile = concurrent || isTransient(error);
        if (!worthwhile || backOffMs === undefined || Date.now() > deadlineMs) {
          throw kafkaFailure(error, false, `fencing ${this.#transactionalId}`);
        }
        await sleep(backOffMs);
      }
    }
  }

  /**
   * Sends the batches as one transaction and commits it.
   * @throws {SluiceError} `kafka.fenced` | `kafka.outcome-unknown` | `kafka.record-too-large` | …
   */
  async commit(partitions: readonly PartitionBatches[]): Promise<void> {
    const identity = this.#identity;
    if (!identity) {
      throw new SluiceError(
        'kafka.outcome-unknown',
        `Producer ${this.#transactionalId} has no identity; fence before publishing.`,
      );
    }
    this.#identity = undefined;
    const leaders = await this.#cluster.leaders(partitions);
    const coordinator = await this.#openCoordinator();
    await this.#addPartitions(coordinator, identity, partitions);
    this.#reach('kafkaBegun');
    await this.#produce(leaders, identity);
    this.#reach('kafkaRowsSent');
    try {
      const answer = endTxnV3.api.async(
        coordinator,
        this.#transactionalId,
        identity.producerId,
        identity.producerEpoch,
        true,
      );
      this.#reach('kafkaCommitSent');
      await answer;
    } catch (error) {
      throw kafkaFailure(error, true, `committing ${this.#transactionalId}`);
    }
    this.#identity = identity;
    this.#reach('kafkaCommitted');
  }

  /**
   * A broker closes a connection that has been idle for minutes (connections.max.idle.ms), and so does
   * a load balancer. Nothing of the transaction has been sent yet: another connection will do, also to
   * another broker that is the coordinator by now, since the identity is the transaction log's.
   */
  async #openCoordinator(): Promise<Connection> {
    const known = this.#coordinator;
    if (known?.isConnected()) return known;
    this.#coordinator = await this.#cluster.patiently('finding the transaction coordinator', () =>
      this.#cluster.coordinator(this.#transactionalId),
    );
    return this.#coordinator;
  }

  async #initProducerId(): Promise<void> {
    const coordinator = await this.#cluster.coordinator(this.#transactionalId);
    // −1, −1 asks for a new epoch; any other pair would be checked against the present one.
    const { producerId, producerEpoch } = await initProducerIdV4.api.async(
      coordinator,
      this.#transactionalId,
      TRANSACTION_TIMEOUT_MS,
      -1n,
      -1,
    );
    this.#coordinator = coordinator;
    this.#sequences = new Map();
    this.#identity = { producerId, producerEpoch };
  }

  /** For a few milliseconds after a commit the coordinator is still writing markers and says CONCURRENT_TRANSACTIONS. */
  async #addPartitions(
    coordinator: Connection,
    { producerId, producerEpoch }: ProducerIdentity,
    partitions: readonly PartitionBatches[],
  ): Promise<void> {
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, of]) => ({
      name,
      partitions: of.map(({ partition }) => partition),
    }));
    const transactionalId = this.#transactionalId;
    const transaction = {
      transactionalId,
      producerId,
      producerEpoch,
      verifyOnly: false,
      topics,
    };
    const what = `beginning a transaction of ${transactionalId}`;
    const deadlineMs = Date.now() + TRANSACTION_TIMEOUT_MS;
    for (;;) {
      const answer = await addPartitions
        .async(coordinator, [transaction])
        .catch((error: unknown) => {
          throw kafkaFailure(error, true, what);
        });
      if (answer === 'added') return;
      if (Date.now() > deadlineMs)
        throw new SluiceError(
          'kafka.outcome-unknown',
          `Kafka: ${what} failed: its coordinator has been ending the one before for ${TRANSACTION_TIMEOUT_MS / 1000} s. Fence again and read the position to learn what was committed.`,
        );
      await sleep(CONCURRENT_RETRY_MS);
    }
  }

  async #produce(
    leaders: ReadonlyMap<Connection, readonly PartitionBatches[]>,
    identity: ProducerIdentity,
  ): Promise<void> {
    const answers: Promise<unknown>[] = [];
    for (const [connection, partitions] of leaders) {
      this.#stamp(partitions, identity);
      for (const request of produceRequests(partitions)) {
        const sent = produceEncoded.async(connection, this.#transactionalId, request);
        answers.push(
          sent.catch((error: unknown) => {
            const [first] = request;
            const what = request.length === 1 ? first?.topic : `${request.length} topics`;
            throw kafkaFailure(error, true, `producing to ${what}`);
          }),
        );
      }
    }
    await settleAll(answers);
  }

  #stamp(partitions: readonly PartitionBatches[], identity: ProducerIdentity): void {
    for (const { topic, partition, batches } of partitions) {
      const key = `${topic}/${partition}`;
      let sequence = this.#sequences.get(key) ?? 0;
      for (const batch of batches) {
        stampBatch(batch, identity, sequence, this.#crc32c);
        sequence = sequenceAfter(sequence, batch.records);
      }
      this.#sequences.set(key, sequence);
    }
  }
}

/** Waits for every answer, then throws the failure that says most: being fenced explains all others. */
async function settleAll(answers: readonly Promise<unknown>[]): Promise<void> {
  const failures = (await Promise.allSettled(answers))
    .filter((outcome) => outcome.status === 'rejected')
    .map((outcome): unknown => outcome.reason);
  if (failures.length === 0) return;
  throw failures.find(isFenced) ?? failures[0];
}

function isFenced(error: unknown): boolean {
  return error instanceof SluiceError && error.code === 'kafka.fenced';
}
