import { setTimeout as sleep } from 'node:timers/promises';
import {
  apiVersionsV3,
  Connection,
  findCoordinatorV4,
  metadataV12,
  ResponseError,
} from '@platformatic/kafka';
import type { Topic, TopicIdentity } from '../topic/topic-name.ts';
import { isTransient, kafkaFailure } from './broker-error.ts';
import {
  type BrokerAddress,
  CLIENT_ID,
  type KafkaConnection,
  lowLevelOptions,
  parseBroker,
} from './connection-options.ts';

const TRANSACTION_KEY = 1;

/** Backs off this long before attempt n; the sum bounds every wait for a cluster that is on the move. */
export const BACK_OFF_MS = [50, 100, 200, 400, 800, 1600, 3200] as const;

/** Topics named in one request. */
export const TOPICS_PER_REQUEST = 500;

/** As many of some topics at a time as one request names, in their order. */
export function* inRequests<Name>(topics: readonly Name[]): Generator<readonly Name[]> {
  for (let at = 0; at < topics.length; at += TOPICS_PER_REQUEST)
    yield topics.slice(at, at + TOPICS_PER_REQUEST);
}

/**
 * Knows which broker leads what, and keeps one connection per broker. Requests on a connection are
 * answered in their order, so a long poll delays what follows it: give long polls a cluster of
 * their own.
 */
export class Cluster {
  readonly #options: KafkaConnection;
  readonly #requestTimeoutMs: number;
  readonly #connections = new Map<string, Connection>();
  readonly #brokers = new Map<number, BrokerAddress>();
  /** Leader's node id per partition; −1 while an election runs. */
  readonly #leaders = new Map<Topic, readonly number[]>();
  readonly #topicIds = new Map<Topic, string>();
  #closed = false;

  constructor(options: KafkaConnection, requestTimeoutMs: number) {
    this.#options = options;
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  /** Forgets who leads what, so that the next request asks. */
  forgetLeaders(): void {
    this.#leaders.clear();
  }

  /** The topics that exist, of those asked for, waiting while the cluster is on the move. */
  async describe(
    topics: readonly Topic[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Topic, TopicIdentity>> {
    const found = new Map<Topic, TopicIdentity>();
    for (const part of inRequests(topics)) {
      await this.patiently('describing topics', () => this.#refresh(part), signal);
      for (const topic of part) {
        const partitions = this.#leaders.get(topic)?.length;
        const id = this.#topicIds.get(topic);
        if (partitions !== undefined && id !== undefined) found.set(topic, { partitions, id });
      }
    }
    return found;
  }

  /**
   * The leader's connection for each partition asked about, waiting while leaders are elected.
   * @throws {SluiceError} `kafka.unreachable` | `kafka.refused`; nothing has been sent then
   */
  async leaders<P extends { readonly topic: Topic; readonly partition: number }>(
    partitions: readonly P[],
  ): Promise<ReadonlyMap<Connection, readonly P[]>> {
    return this.patiently('finding partition leaders', async () => {
      const unknown = new Set(
        partitions
          .filter((p) => (this.#leaders.get(p.topic)?.[p.partition] ?? -1) < 0)
          .map((p) => p.topic),
      );
      if (unknown.size > 0) await this.#refresh([...unknown]);
      const byNode = Map.groupBy(partitions, (p) => this.#leaderOf(p.topic, p.partition));
      const byConnection = new Map<Connection, readonly P[]>();
      for (const [node, led] of byNode) byConnection.set(await this.#connectionTo(node), led);
      return byConnection;
    });
  }

  /** Connection to the coordinator of a transactional id, asked for anew. */
  async coordinator(transactionalId: string): Promise<Connection> {
    const any = await this.#anyConnection();
    const { coordinators } = await findCoordinatorV4.api.async(any, TRANSACTION_KEY, [
      transactionalId,
    ]);
    const found = coordinators[0];
    if (!found) throw new Error('the broker named no transaction coordinator');
    return this.#open(found);
  }

  /** Whether a broker takes a request in a version; all of a cluster that is not being upgraded do. */
  async offers(apiKey: number, version: number): Promise<boolean> {
    const { apiKeys } = await apiVersionsV3.api.async(await this.#anyConnection(), CLIENT_ID, '1');
    return apiKeys.some((api) => api.apiKey === apiKey && api.maxVersion >= version);
  }

  /** Runs an idempotent request again, with back-off and fresh metadata, while its failure is transient. */
  async patiently<T>(what: string, request: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await request();
      } catch (error) {
        signal?.throwIfAborted();
        const backOffMs = BACK_OFF_MS[attempt];
        if (this.#closed || backOffMs === undefined || !isTransient(error)) {
          throw kafkaFailure(error, false, what);
        }
        this.forgetLeaders();
        await sleep(backOffMs, undefined, signal && { signal });
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connections = [...this.#connections.values()];
    this.#connections.clear();
    await Promise.all(connections.map((connection) => connection.close().catch(() => undefined)));
  }

  #leaderOf(topic: Topic, partition: number): number {
    const leader = this.#leaders.get(topic)?.[partition] ?? -1;
    if (leader < 0) throw new Error(`no leader for ${topic} partition ${partition}`);
    return leader;
  }

  async #connectionTo(nodeId: number): Promise<Connection> {
    const address = this.#brokers.get(nodeId);
    if (!address) throw new Error(`broker ${nodeId} is not in the metadata`);
    return this.#open(address);
  }

  async #refresh(topics: readonly Topic[]): Promise<void> {
    const metadata = await fetchMetadata(await this.#anyConnection(), topics);
    for (const { nodeId, host, port } of metadata.brokers)
      this.#brokers.set(nodeId, { host, port });
    for (const { errorCode, name, topicId, partitions } of metadata.topics) {
      if (name === null) continue;
      if (errorCode !== 0) {
        this.#leaders.delete(name as Topic);
        this.#topicIds.delete(name as Topic);
        continue;
      }
      const leaders: number[] = new Array<number>(partitions.length).fill(-1);
      for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId;
      this.#leaders.set(name as Topic, leaders);
      this.#topicIds.set(name as Topic, topicId);
    }
  }

  async #anyConnection(): Promise<Connection> {
    for (const connection of this.#connections.values()) {
      if (connection.isConnected()) return connection;
    }
    const failures: unknown[] = [];
    for (const address of [...this.#options.brokers.map(parseBroker), ...this.#brokers.values()]) {
      try {
        return await this.#open(address);
      } catch (error) {
        failures.push(error);
      }
    }
    throw failures[0];
  }

  async #open({ host, port }: BrokerAddress): Promise<Connection> {
    const key = `${host}:${port}`;
    const present = this.#connections.get(key);
    if (present?.isConnected()) return present;
    const connection = new Connection(
      CLIENT_ID,
      lowLevelOptions(this.#options, this.#requestTimeoutMs),
    );
    // Without a listener an 'error' event would end the process; every request reports its own failure.
    connection.on('error', () => undefined);
    await connection.connect(host, port);
    if (this.#closed) {
      await connection.close();
      throw new Error('the Kafka client was closed');
    }
    this.#connections.set(key, connection);
    return connection;
  }
}

/** Metadata with its per-topic errors left in place: a missing topic is an answer here. */
async function fetchMetadata(
  connection: Connection,
  topics: readonly Topic[],
): Promise<metadataV12.MetadataResponse> {
  try {
    return await metadataV12.api.async(connection, [...topics], false);
  } catch (error) {
    if (error instanceof ResponseError) {
      const response = error['response'] as metadataV12.MetadataResponse | undefined;
      if (response) return response;
    }
    throw error;
  }
}
