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
import type { Topic } from '../topic/topic-name.ts';
import { addPartitions } from './add-partitions.ts';
import {
  isConcurrentTransaction,
  isNoTransaction,
  isTransient,
  kafkaFailure,
} from './broker-error.ts';
import { BACK_OFF_MS, type Cluster } from './cluster.ts';
import type { KafkaKillPoint } from './kill-points.ts';
import { produceEncoded, produceRequests } from './produce-request.ts';

const TRANSACTION_TIMEOUT_MS = 30_000;
/** Between two questions whether the coordinator has ended the transaction before. */
const CONCURRENT_RETRY_MS = 1;
/** A transaction that was disturbed is sent again so often, and for so long: a person is told of the rest. */
const RESENDS = 3;
const RESENDS_WITHIN_MS = 10_000;

/** The request by which brokers ask the coordinator whether a partition is in a transaction. */
const ADD_PARTITIONS_TO_TXN = 24;
const VERIFYING_VERSION = 4;

/** Asks for a new epoch; any other pair is checked against the present one. */
const ANYBODY: ProducerIdentity = { producerId: -1n, producerEpoch: -1 };

export interface ProducerOptions {
  readonly transactionalId: string;
  readonly crc32c: Crc32c;
  /**
   * Called before a transaction is sent again, with its topics.
   * @throws where one of them is not what it was
   */
  readonly verifyTopics: (topics: readonly Topic[]) => Promise<void>;
  /** Called when a transaction is going to be sent again, with the reason. */
  readonly onDisturbed?: ((failure: SluiceError) => void) | undefined;
  /** Called at every kill point; a crash test ends the process there. */
  readonly reach?: ((point: KafkaKillPoint) => void) | undefined;
}

/**
 * The transactional producer of one transactional id.
 *
 * A leader or a coordinator that moves, or a connection that ends, costs one transaction: it is
 * aborted and sent again under the next epoch, unless its commit had been asked for, which may be
 * asked again. Only the holder of the present epoch can abort and commit. Between its abort and its
 * next epoch a newer producer may begin: that one's transaction may be aborted then, since the
 * coordinator asks for the epoch only where no transaction is open, and both fail and begin anew.
 * After any other failure the identity is dropped, and only `fence` makes `commit` possible again.
 */
export class TransactionProducer {
  readonly #cluster: Cluster;
  readonly #options: ProducerOptions;
  #identity: ProducerIdentity | undefined;
  /** Next sequence number per `topic/partition`; begins at 0 with every identity. */
  #sequences = new Map<string, number>();
  #coordinator: Connection | undefined;
  /** Absent before it was asked. */
  #isVerified: boolean | undefined;

  constructor(cluster: Cluster, options: ProducerOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /**
   * InitProducerId with producer id −1: any earlier producer of this transactional id is refused
   * from now on, and its open transaction has been aborted when this resolves.
   * @throws {SluiceError} `kafka.unreachable` | `kafka.refused`
   */
  async fence(): Promise<void> {
    this.#identity = undefined;
    this.#coordinator = undefined;
    this.#cluster.forgetLeaders();
    this.#identity = await this.#nextEpoch(ANYBODY);
  }

  /**
   * Sends the batches as one transaction and commits it. Resolves with whether it was sent once: if
   * not, a socket that has not closed yet may still read from their memory.
   * @throws {SluiceError} `kafka.fenced` | `kafka.outcome-unknown` | `kafka.record-too-large` | …
   */
  async commit(partitions: readonly PartitionBatches[]): Promise<'sentOnce' | 'sentAgain'> {
    let identity = this.#identity;
    if (!identity) {
      throw new SluiceError(
        'kafka.outcome-unknown',
        `Producer ${this.#options.transactionalId} has no identity; fence before publishing.`,
      );
    }
    this.#identity = undefined;
    const deadlineMs = Date.now() + RESENDS_WITHIN_MS;
    let batches = partitions;
    let resends = 0;
    for (; ; resends += 1)
      try {
        await this.#send(batches, identity);
        break;
      } catch (error) {
        const isLast = resends === RESENDS || Date.now() > deadlineMs;
        if (isLast || !isDisturbance(error) || !(await this.#mayResend())) throw error;
        this.#options.onDisturbed?.(error);
        identity = await this.#beginAnew(identity, batches);
        batches = copied(batches);
      }
    await this.#end(identity, 'commit');
    this.#identity = identity;
    this.#reach('kafkaCommitted');
    return resends === 0 ? 'sentOnce' : 'sentAgain';
  }

  #reach(point: KafkaKillPoint): void {
    this.#options.reach?.(point);
  }

  /** All records, acknowledged; nobody can read them yet. */
  async #send(partitions: readonly PartitionBatches[], identity: ProducerIdentity): Promise<void> {
    const leaders = await this.#cluster.leaders(partitions);
    const coordinator = await this.#cluster.patiently('finding the transaction coordinator', () =>
      this.#openCoordinator(),
    );
    await this.#addPartitions(coordinator, identity, partitions);
    this.#reach('kafkaBegun');
    await this.#produce(leaders, identity);
    this.#reach('kafkaRowsSent');
  }

  /**
   * Whether brokers verify that a transaction is open before they append to it (KIP-890, Kafka 3.6).
   * Others would take a late request of the transaction that was aborted into the next one.
   */
  async #mayResend(): Promise<boolean> {
    this.#isVerified ??= await this.#cluster
      .offers(ADD_PARTITIONS_TO_TXN, VERIFYING_VERSION)
      .catch(() => undefined);
    return this.#isVerified ?? false;
  }

  /** Aborts what has been sent and takes the next epoch, in which sequence numbers begin anew. */
  async #beginAnew(
    identity: ProducerIdentity,
    partitions: readonly PartitionBatches[],
  ): Promise<ProducerIdentity> {
    this.#cluster.forgetLeaders();
    this.#coordinator = undefined;
    await this.#end(identity, 'abort');
    const next = await this.#nextEpoch(identity);
    await this.#options.verifyTopics([...new Set(partitions.map(({ topic }) => topic))]);
    return next;
  }

  /**
   * EndTxn, as often as it takes to get an answer: asked twice, the coordinator gives the same one as
   * long as the producer has begun nothing else (TransactionCoordinator.endTransaction). Ending what
   * never began is refused as INVALID_TXN_STATE, which is as good as an abort.
   */
  async #end(identity: ProducerIdentity, how: 'commit' | 'abort'): Promise<void> {
    const { transactionalId } = this.#options;
    const { producerId, producerEpoch } = identity;
    const commits = how === 'commit';
    await this.#untilAnswered(true, `${how} of ${transactionalId}`, async () => {
      const answer = endTxnV3.api.async(
        await this.#openCoordinator(),
        transactionalId,
        producerId,
        producerEpoch,
        commits,
      );
      if (commits) this.#reach('kafkaCommitSent');
      await answer.catch((error: unknown) => {
        if (commits || !isNoTransaction(error)) throw error;
      });
    });
  }

  /** InitProducerId, which aborts the transaction of whoever is fenced by it. */
  async #nextEpoch({ producerId, producerEpoch }: ProducerIdentity): Promise<ProducerIdentity> {
    const { transactionalId } = this.#options;
    const next = await this.#untilAnswered(false, `fencing ${transactionalId}`, async () =>
      initProducerIdV4.api.async(
        await this.#openCoordinator(),
        transactionalId,
        TRANSACTION_TIMEOUT_MS,
        producerId,
        producerEpoch,
      ),
    );
    this.#sequences = new Map();
    return { producerId: next.producerId, producerEpoch: next.producerEpoch };
  }

  /** Asks the coordinator, wherever it is by then, while it moves or still ends a transaction. */
  async #untilAnswered<Answer>(
    sent: boolean,
    what: string,
    ask: () => Promise<Answer>,
  ): Promise<Answer> {
    const deadlineMs = Date.now() + TRANSACTION_TIMEOUT_MS;
    let failures = 0;
    for (;;)
      try {
        return await ask();
      } catch (error) {
        const concurrent = isConcurrentTransaction(error);
        const backOffMs = concurrent ? CONCURRENT_RETRY_MS : BACK_OFF_MS[failures];
        const worthwhile = concurrent || isTransient(error);
        if (!worthwhile || backOffMs === undefined || Date.now() > deadlineMs)
          throw kafkaFailure(error, sent, what);
        if (!concurrent) {
          failures += 1;
          this.#coordinator = undefined;
        }
        await sleep(backOffMs);
      }
  }

  /**
   * A broker closes a connection that has been idle for minutes (connections.max.idle.ms), and so does
   * a load balancer. Another connection will do, also to another broker that is the coordinator by
   * now, since the identity is the transaction log's.
   */
  async #openCoordinator(): Promise<Connection> {
    const known = this.#coordinator;
    if (known?.isConnected()) return known;
    this.#coordinator = await this.#cluster.coordinator(this.#options.transactionalId);
    return this.#coordinator;
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
    const { transactionalId } = this.#options;
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
        const sent = produceEncoded.async(connection, this.#options.transactionalId, request);
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
        stampBatch(batch, identity, sequence, this.#options.crc32c);
        sequence = sequenceAfter(sequence, batch.records);
      }
      this.#sequences.set(key, sequence);
    }
  }
}

/** The transaction did not get as far as its commit, and may get there another time. */
function isDisturbance(error: unknown): error is SluiceError {
  return error instanceof SluiceError && error.code === 'kafka.outcome-unknown';
}

/** A socket that is still sending the first ones must not see them stamped anew. */
function copied(partitions: readonly PartitionBatches[]): readonly PartitionBatches[] {
  return partitions.map((of) => ({
    ...of,
    batches: of.batches.map(({ bytes, records }) => ({ bytes: Buffer.from(bytes), records })),
  }));
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
