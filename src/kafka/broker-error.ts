import { AuthenticationError, ProtocolError, ResponseError } from '@platformatic/kafka';
import { InvariantBroken, SluiceError } from '../errors/error.ts';

/** Protocol error names as the broker's documentation spells them; empty when the failure is not the broker's answer. */
function brokerErrors(error: unknown): readonly string[] {
  if (error instanceof ResponseError) return error.errors.flatMap(brokerErrors);
  if (error instanceof ProtocolError) return [String(error['apiId'])];
  return isKafkajs(error) ? kafkajsErrors(error) : [];
}

/** kafkajs has a class per failure and exports few; the name tells them apart, `type` is the protocol's name. */
interface KafkajsError extends Error {
  readonly type?: string;
  readonly errors?: readonly unknown[];
}

function isKafkajs(error: unknown): error is KafkajsError {
  return error instanceof Error && error.name.startsWith('KafkaJS');
}

function kafkajsErrors({ type, errors, cause }: KafkajsError): readonly string[] {
  if (errors) return errors.flatMap(brokerErrors);
  return type === undefined ? brokerErrors(cause) : [type];
}

/** The partition or coordinator has moved, or is about to be there. */
const MOVED = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'REPLICA_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'OFFSET_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'REQUEST_TIMED_OUT',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'BROKER_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'UNKNOWN_SERVER_ERROR',
  'THROTTLING_QUOTA_EXCEEDED',
]);

const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED']);

/** States of a transaction or producer that a new `fence` puts right. */
const LOST_TRANSACTION = new Set([
  'INVALID_TXN_STATE',
  'INVALID_PRODUCER_ID_MAPPING',
  'UNKNOWN_PRODUCER_ID',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'TRANSACTION_COORDINATOR_FENCED',
  'TRANSACTION_ABORTABLE',
  'OPERATION_NOT_ATTEMPTED',
  'CONCURRENT_TRANSACTIONS',
  'CORRUPT_MESSAGE',
]);

const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

export function isConcurrentTransaction(error: unknown): boolean {
  const errors = brokerErrors(error).filter((name) => name !== 'OPERATION_NOT_ATTEMPTED');
  return errors.length > 0 && errors.every((name) => name === 'CONCURRENT_TRANSACTIONS');
}

/** The coordinator has no open transaction of the producer, so there is none to be aborted. */
export function isNoTransaction(error: unknown): boolean {
  const errors = brokerErrors(error);
  return errors.length > 0 && errors.every((name) => name === 'INVALID_TXN_STATE');
}

/** Worth the same idempotent request again, after metadata was refreshed: a move or a lost connection. */
export function isTransient(error: unknown): boolean {
  if (isDenied(error) || isBug(error)) return false;
  if (error instanceof SluiceError) return error.code === 'kafka.unreachable';
  const errors = brokerErrors(error);
  return errors.every((name) => MOVED.has(name));
}

function isBug(error: unknown): error is Error {
  return (
    error instanceof InvariantBroken || error instanceof TypeError || error instanceof RangeError
  );
}

/** Wrong password, or no TLS where TLS is wanted. */
function isDenied(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error instanceof AuthenticationError ||
    error.name === 'KafkaJSSASLAuthenticationError' ||
    isDenied(error.cause)
  );
}

/**
 * What a failed request means to the pipeline.
 *
 * @param sent whether the request may have changed something at the broker
 * @param what the request and its subject: `produce to shop.shop.orders`
 */
export function kafkaFailure(error: unknown, sent: boolean, what: string): Error {
  if (error instanceof SluiceError || isBug(error)) return error;
  // A request may be refused for each of a thousand partitions.
  const errors = [...new Set(brokerErrors(error))];
  const facts = { request: what, brokerErrors: errors };
  const named = errors.length > 0 ? errors.join(', ') : messageOf(error);
  const say = (code: SluiceError['code'], text: string): SluiceError =>
    new SluiceError(code, `Kafka: ${what} failed: ${named}. ${text}`, { cause: error, facts });

  if (errors.some((name) => FENCED.has(name))) {
    return say('kafka.fenced', 'A newer attempt has taken over, or the transaction timed out.');
  }
  if (errors.some((name) => TOO_LARGE.has(name))) {
    return say('kafka.record-too-large', 'Raise max.message.bytes of the topic, then resume.');
  }
  if (isDenied(error)) return say('kafka.refused', 'Check user, password and TLS settings.');
  if (errors.some((name) => !MOVED.has(name) && !LOST_TRANSACTION.has(name))) {
    return say('kafka.refused', 'Repeating will not help; grant or change what it names.');
  }
  return sent
    ? say('kafka.outcome-unknown', 'Fence again and read the position to learn what was committed.')
    : say('kafka.unreachable', 'Nothing was sent; try again.');
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
}
