import { addPartitionsToTxnV3, createAPI, type Reader, ResponseError } from '@platformatic/kafka';

const ADD_PARTITIONS_TO_TXN = 24;
const VERSION = 3;

const NONE = 0;
const CONCURRENT_TRANSACTIONS = 51;
/** Said of the partitions that were fine when another one was not. */
const OPERATION_NOT_ATTEMPTED = 55;

/** Makes partitions part of a transaction; `busy` while the coordinator still ends the one before. */
export const addPartitions = createAPI<
  Parameters<typeof addPartitionsToTxnV3.createRequest>,
  'added' | 'busy'
>(ADD_PARTITIONS_TO_TXN, VERSION, addPartitionsToTxnV3.createRequest, parseResponse);

/**
 * AddPartitionsToTxn Response (version 3): throttle_time_ms INT32, [topic: name COMPACT_STRING,
 * [partition: index INT32, error_code INT16]].
 *
 * The library would make an error with a stack for each partition, and a transaction of hundreds of
 * tables is answered `busy` several times before it may begin.
 *
 * @throws {ResponseError} with each error code once
 */
function parseResponse(
  _correlationId: number,
  apiKey: number,
  apiVersion: number,
  reader: Reader,
): 'added' | 'busy' {
  reader.readInt32();
  const codes = new Set<number>();
  reader.readArray((topics) => {
    topics.readString();
    topics.readArray((partitions) => {
      partitions.readInt32();
      codes.add(partitions.readInt16());
    });
  });
  codes.delete(NONE);
  if (codes.size === 0) return 'added';
  if (codes.has(CONCURRENT_TRANSACTIONS)) codes.delete(OPERATION_NOT_ATTEMPTED);
  if (codes.size === 1 && codes.has(CONCURRENT_TRANSACTIONS)) return 'busy';
  const errors = [...codes].map((code): [string, [number, null]] => [`/${code}`, [code, null]]);
  throw new ResponseError(apiKey, apiVersion, Object.fromEntries(errors), undefined);
}
