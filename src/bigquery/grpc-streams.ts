import type { Client, ClientDuplexStream, Metadata, ServiceError } from '@grpc/grpc-js';
import { SluiceError } from '../errors/error.ts';
import { streamFailure } from './storage-error.ts';
import {
  appendAnswer,
  appendRequest,
  commitAnswer,
  commitRequest,
  createdStream,
  createRequest,
  finalizedRows,
  finalizeRequest,
  type RpcStatus,
  rpcStatus,
  WRITE_SERVICE,
} from './storage-protocol.ts';
import type {
  Append,
  StreamCommit,
  StreamName,
  StreamTable,
  WriteStreams,
} from './write-streams.ts';

export interface GrpcStreamsOptions {
  readonly project: string;
  /** `host:port` of a server that is not Google's; it is spoken to without TLS. */
  readonly address?: string;
  readonly authorization: () => Promise<Readonly<Record<string, string>>>;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

const GOOGLE = 'bigquerystorage.googleapis.com:443';

const CALL_TIMEOUT_MS = 60_000;
/** Of all requests to one stream together. */
const APPEND_TIMEOUT_MS = 600_000;

/** gRPC's status of a failure without a reason. */
const UNKNOWN = 2;

/** A dead connection shows within a minute and a half, also while an answer is waited for. */
const CHANNEL = {
  'grpc.enable_retries': 0,
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.max_send_message_length': -1,
};

interface Connection {
  readonly client: Client;
  readonly newMetadata: () => Metadata;
}

/** A call as far as it can be ended. */
interface Call {
  cancel(): void;
}

/**
 * The four calls of the Storage Write API that a sink makes, each sent once. Why not by Google's own
 * client: docs/decisions/0008-storage-write-over-grpc.md
 */
export class GrpcWriteStreams implements WriteStreams {
  readonly #options: GrpcStreamsOptions;
  #connection: Promise<Connection> | undefined;

  constructor(options: GrpcStreamsOptions) {
    this.#options = options;
  }

  async create({ dataset, table }: StreamTable): Promise<StreamName> {
    const parent = this.#parent({ dataset, table });
    const doing = `making a stream into ${dataset}.${table}`;
    const answer = await this.#call('CreateWriteStream', createRequest(parent), { parent }, doing);
    const name = createdStream(answer);
    if (name !== '') return name;
    throw new SluiceError('bigquery.failed', `BigQuery gave no name ${doing}.`);
  }

  async append(
    stream: StreamName,
    descriptor: Uint8Array,
    requests: Iterable<Append>,
  ): Promise<void> {
    const { client, newMetadata } = await this.#connect();
    const metadata = await this.#metadata(newMetadata, { write_stream: stream });
    const deadline = Date.now() + APPEND_TIMEOUT_MS;
    const path = `${WRITE_SERVICE}/AppendRows`;
    const call = client.makeBidiStreamRequest(path, asIs, asIs, metadata, { deadline });
    // Whoever reads the answers sees an error; one that comes later is that of the call's own end.
    call.on('error', () => undefined);
    const doing = `writing rows to ${stream}`;
    await this.#ending(call, doing, () => appendAll(call, stream, descriptor, requests, doing));
  }

  async finalize(stream: StreamName): Promise<number> {
    const doing = `finalizing ${stream}`;
    const request = finalizeRequest(stream);
    return finalizedRows(await this.#call('FinalizeWriteStream', request, { name: stream }, doing));
  }

  async commit(table: StreamTable, streams: readonly StreamName[]): Promise<StreamCommit> {
    const parent = this.#parent(table);
    const request = commitRequest(parent, streams);
    const doing = `committing streams into ${table.dataset}.${table.table}`;
    try {
      const answer = await this.#call('BatchCommitWriteStreams', request, { parent }, doing);
      const { hasTime, errors } = commitAnswer(answer);
      if (hasTime && errors.length === 0) return 'committed';
      throw streamFailure(doing, { code: UNKNOWN, storage: errors[0] });
    } catch (error) {
      const outcome = error instanceof SluiceError ? outcomeOf(error) : undefined;
      if (outcome) return outcome;
      throw error;
    }
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    (await connection)?.client.close();
  }

  #parent({ dataset, table }: StreamTable): string {
    return `projects/${this.#options.project}/datasets/${dataset}/tables/${table}`;
  }

  async #call(
    method: string,
    request: Buffer,
    routing: Readonly<Record<string, string>>,
    doing: string,
  ): Promise<Buffer> {
    const { client, newMetadata } = await this.#connect();
    const metadata = await this.#metadata(newMetadata, routing);
    const path = `${WRITE_SERVICE}/${method}`;
    const deadline = Date.now() + CALL_TIMEOUT_MS;
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const call = client.makeUnaryRequest(
      path,
      asIs,
      asIs,
      request,
      metadata,
      { deadline },
      (error, answer) => (answer === undefined ? reject(error) : resolve(answer)),
    );
    return await this.#ending(call, doing, () => promise);
  }

  /** Does a call's work, ends the call with it or with the signal, and says what failed. */
  async #ending<T>(call: Call, doing: string, work: () => Promise<T>): Promise<T> {
    const { signal } = this.#options;
    const cancel = (): void => call.cancel();
    if (signal.aborted) cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (isServiceError(error)) throw streamFailure(doing, statusOf(error));
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
      cancel();
    }
  }

  /** The package is read when it is first needed: most sinks never do. */
  #connect(): Promise<Connection> {
    this.#connection ??= this.#open();
    return this.#connection;
  }

  async #open(): Promise<Connection> {
    const { address } = this.#options;
    const grpc = await import('@grpc/grpc-js');
    const credentials =
      address === undefined ? grpc.credentials.createSsl() : grpc.credentials.createInsecure();
    return {
      client: new grpc.Client(address ?? GOOGLE, credentials, CHANNEL),
      newMetadata: () => new grpc.Metadata(),
    };
  }

  /** @param routing  by which BigQuery finds the location of what the request is about */
  async #metadata(
    newMetadata: () => Metadata,
    routing: Readonly<Record<string, string>>,
  ): Promise<Metadata> {
    const metadata = newMetadata();
    for (const [name, value] of Object.entries(await this.#options.authorization()))
      metadata.set(name, value);
    metadata.set('x-goog-request-params', new URLSearchParams(routing).toString());
    return metadata;
  }
}

/**
 * Refusals of a commit that say what became of the streams. Commits are atomic, and all streams of
 * one are sent every time, so what was committed before was committed as a whole. A stream that was
 * finalized is in the wrong state, or is not found, when it was cleared away; whether its table was
 * is not told reliably here.
 */
const OUTCOMES: ReadonlyMap<unknown, StreamCommit> = new Map([
  ['STREAM_ALREADY_COMMITTED', 'committed'],
  ['STREAM_NOT_FOUND', 'unknown'],
  ['INVALID_STREAM_STATE', 'unknown'],
  ['TABLE_NOT_FOUND', 'unknown'],
  ['NOT_FOUND', 'unknown'],
]);

const outcomeOf = ({ facts }: SluiceError): StreamCommit | undefined =>
  OUTCOMES.get(facts['reason'] ?? facts['status']);

async function appendAll(
  call: ClientDuplexStream<Buffer, Buffer>,
  stream: StreamName,
  descriptor: Uint8Array,
  requests: Iterable<Append>,
  doing: string,
): Promise<void> {
  const answers = call[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  let isFirst = true;
  for (const request of requests) {
    call.write(appendRequest(stream, request, isFirst ? descriptor : undefined));
    isFirst = false;
    const { value } = await answers.next();
    if (value === undefined)
      throw new SluiceError('bigquery.unreachable', `BigQuery ended the connection ${doing}.`);
    const answer = appendAnswer(value);
    if (answer.kind === 'refused') throw streamFailure(doing, answer.status);
    if (answer.offset !== request.offset)
      throw new SluiceError(
        'bigquery.failed',
        `BigQuery stored rows at offset ${answer.offset}, not at ${request.offset}, ${doing}.`,
      );
  }
  call.end();
  // The answers end with the call's own status, which is thrown unless it is good.
  await answers.next();
}

/** Without an entry for the details, which older servers leave out. */
function statusOf({ code, metadata }: ServiceError): RpcStatus {
  const [details] = metadata.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(details)) return { code, storage: undefined };
  return { ...rpcStatus(details), code };
}

function isServiceError(error: unknown): error is ServiceError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'number' &&
    'metadata' in error
  );
}

const asIs = (bytes: Buffer): Buffer => bytes;
