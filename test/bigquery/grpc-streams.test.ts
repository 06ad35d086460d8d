import * as grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { afterEach, describe, expect, it } from 'vitest';
import { GrpcWriteStreams } from '../../src/bigquery/grpc-streams.ts';

/** What BigQueryWrite's requests and answers are, as far as a sink uses them. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Int64 { int64 value = 1; }
  message Timestamp { int64 seconds = 1; int32 nanos = 2; }
  message StorageError { int32 code = 1; string entity = 2; string error_message = 3; }
  message WriteStream { string name = 1; int32 type = 2; }
  message CreateRequest { string parent = 1; WriteStream write_stream = 2; }
  message ProtoSchema { bytes proto_descriptor = 1; }
  message ProtoRows { repeated bytes serialized_rows = 1; }
  message ProtoData { ProtoSchema writer_schema = 1; ProtoRows rows = 2; }
  message AppendRequest { string write_stream = 1; Int64 offset = 2; ProtoData proto_rows = 4; }
  message AppendResult { Int64 offset = 1; }
  message RowError { int64 index = 1; int32 code = 2; string message = 3; }
  message AppendAnswer {
    AppendResult append_result = 1;
    Status error = 2;
    repeated RowError row_errors = 4;
  }
  message FinalizeRequest { string name = 1; }
  message FinalizeAnswer { int64 row_count = 1; }
  message CommitRequest { string parent = 1; repeated string write_streams = 2; }
  message CommitAnswer { Timestamp commit_time = 1; repeated StorageError stream_errors = 2; }
`);

type Message = Readonly<Record<string, unknown>>;

const bytes = (type: string, message: Message): Buffer => {
  const kind = root.lookupType(type);
  return Buffer.from(kind.encode(kind.fromObject(message)).finish());
};
const read = (type: string, of: Buffer): Message => {
  const kind = root.lookupType(type);
  return kind.toObject(kind.decode(of), { longs: Number });
};

type Answer = Buffer | Partial<grpc.StatusObject> | 'none';

/** A server that answers as a test wants, and keeps what it was asked. */
interface Scripted extends AsyncDisposable {
  readonly streams: GrpcWriteStreams;
  readonly asked: { method: string; request: Buffer; metadata: grpc.Metadata }[];
  /** Called once for each request. */
  answer: (method: string) => Answer;
}

const METHODS = ['CreateWriteStream', 'FinalizeWriteStream', 'BatchCommitWriteStreams'] as const;
const asIs = (of: Buffer): Buffer => of;
const pathOf = (method: string): string =>
  `/google.cloud.bigquery.storage.v1.BigQueryWrite/${method}`;

let open: Scripted | undefined;
afterEach(async () => {
  await open?.[Symbol.asyncDispose]();
  open = undefined;
});

async function scripted(
  answer: Scripted['answer'],
  signal = new AbortController().signal,
): Promise<Scripted> {
  const server = new grpc.Server();
  const form = { requestSerialize: asIs, requestDeserialize: asIs };
  const raw = { ...form, responseSerialize: asIs, responseDeserialize: asIs };
  const definition = Object.fromEntries([
    ...METHODS.map((method) => [
      method,
      { path: pathOf(method), requestStream: false, responseStream: false, ...raw },
    ]),
    [
      'AppendRows',
      { path: pathOf('AppendRows'), requestStream: true, responseStream: true, ...raw },
    ],
  ]) as grpc.ServiceDefinition;
  const self: { -readonly [Key in keyof Scripted]: Scripted[Key] } = {
    asked: [],
    answer,
    streams: undefined as never,
    [Symbol.asyncDispose]: async () => {
      await self.streams.close();
      server.forceShutdown();
    },
  };
  const note = (method: string, request: Buffer, metadata: grpc.Metadata): Answer => {
    self.asked.push({ method, request, metadata });
    return self.answer(method);
  };
  server.addService(definition, {
    ...Object.fromEntries(
      METHODS.map((method) => [
        method,
        (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
          const given = note(method, call.request, call.metadata);
          if (given === 'none') return;
          if (Buffer.isBuffer(given)) done(null, given);
          else done(given);
        },
      ]),
    ),
    AppendRows: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (request: Buffer) => {
        const given = note('AppendRows', request, call.metadata);
        if (given === 'none') return;
        if (Buffer.isBuffer(given)) call.write(given);
        else call.emit('error', given);
      });
      call.on('end', () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  self.streams = new GrpcWriteStreams({
    project: 'acme',
    address: `127.0.0.1:${port}`,
    authorization: () => Promise.resolve({ authorization: 'Bearer t' }),
    signal,
  });
  open = self;
  return self;
}

const TABLE = { dataset: 'd', table: 't__changes' };
const PARENT = 'projects/acme/datasets/d/tables/t__changes';
const STREAM = `${PARENT}/streams/s1`;

const stored = (offset: number): Buffer =>
  bytes('AppendAnswer', { appendResult: { offset: { value: offset } } });

/** A status with BigQuery's own code in it. */
const status = (code: number, storage?: number): Message => ({
  code,
  message: 'a value that must not be told',
  details:
    storage === undefined
      ? []
      : [
          {
            typeUrl: 'type.googleapis.com/google.cloud.bigquery.storage.v1.StorageError',
            value: bytes('StorageError', { code: storage, entity: STREAM }),
          },
        ],
});

const rows = [Buffer.from([8, 1]), Buffer.from([8, 2])];

describe('the streams of the Storage Write API', () => {
  it('are made pending, written in order, and finalized', async () => {
    const { streams, asked } = await scripted((method) => {
      if (method === 'CreateWriteStream') return bytes('WriteStream', { name: STREAM, type: 2 });
      if (method === 'FinalizeWriteStream') return bytes('FinalizeAnswer', { rowCount: 3 });
      return stored(asked.filter((one) => one.method === 'AppendRows').length === 1 ? 0 : 2);
    });
    const stream = await streams.create(TABLE);
    await streams.append(stream, Buffer.from('descriptor'), [
      { offset: 0, rows },
      { offset: 2, rows: rows.slice(0, 1) },
    ]);
    expect(await streams.finalize(stream)).toBe(3);
    const [created, first, second, finalized] = asked.map(({ request }) => request);
    expect(read('CreateRequest', created!)).toEqual({
      parent: PARENT,
      writeStream: { type: 2 },
    });
    expect(read('AppendRequest', first!)).toEqual({
      writeStream: STREAM,
      offset: {},
      protoRows: {
        writerSchema: { protoDescriptor: Buffer.from('descriptor') },
        rows: { serializedRows: rows },
      },
    });
    expect(read('AppendRequest', second!)).toEqual({
      writeStream: STREAM,
      offset: { value: 2 },
      protoRows: { rows: { serializedRows: rows.slice(0, 1) } },
    });
    expect(read('FinalizeRequest', finalized!)).toEqual({ name: STREAM });
  });

  it('say who asks, and about what, by which BigQuery finds the location', async () => {
    const { streams, asked } = await scripted(() => stored(0));
    await streams.append(STREAM, Buffer.of(), [{ offset: 0, rows }]);
    const [call] = asked;
    expect(call?.metadata.get('authorization')).toEqual(['Bearer t']);
    expect(call?.metadata.get('x-goog-request-params')).toEqual([
      `write_stream=${encodeURIComponent(STREAM)}`,
    ]);
  });

  it.each<[string, Message, 'committed' | 'unknown']>([
    ['was made', { commitTime: { seconds: 1 } }, 'committed'],
    ['was made before', { streamErrors: [{ code: 2, entity: STREAM }] }, 'committed'],
    ['knows no such stream', { streamErrors: [{ code: 3, entity: STREAM }] }, 'unknown'],
    ['finds it cleared away', { streamErrors: [{ code: 5, entity: STREAM }] }, 'unknown'],
    ['finds no table', { streamErrors: [{ code: 1, entity: STREAM }] }, 'unknown'],
  ])('tell of a commit that %s', async (_, answer, outcome) => {
    const { streams, asked } = await scripted(() => bytes('CommitAnswer', answer));
    expect(await streams.commit(TABLE, [STREAM])).toBe(outcome);
    const [request] = asked.map((call) => call.request);
    expect(read('CommitRequest', request!)).toEqual({
      parent: PARENT,
      writeStreams: [STREAM],
    });
  });

  it.each<[string, Message, string]>([
    ['INVALID_STREAM_TYPE', { streamErrors: [{ code: 4 }] }, 'bigquery.failed'],
    ['neither time nor reason', {}, 'bigquery.unreachable'],
  ])('refuse a commit with %s', async (_, answer, code) => {
    const { streams } = await scripted(() => bytes('CommitAnswer', answer));
    await expect(streams.commit(TABLE, [STREAM])).rejects.toMatchObject({ code });
  });

  it.each<[string, Message, string]>([
    ['ALREADY_EXISTS', { error: status(6, 8) }, 'bigquery.failed'],
    ['OUT_OF_RANGE', { error: status(11, 9) }, 'bigquery.failed'],
    ['an unknown column', { error: status(3, 7) }, 'bigquery.stream-behind'],
    ['INVALID_ARGUMENT', { error: status(3) }, 'bigquery.value-refused'],
    ['INTERNAL', { error: status(13) }, 'bigquery.unreachable'],
    ['a bad row', { rowErrors: [{ index: 1, message: 'secret' }] }, 'bigquery.value-refused'],
    ['another offset', { appendResult: { offset: { value: 7 } } }, 'bigquery.failed'],
  ])(
    'end an append at an answer of %s, without a value in the message',
    async (_, answer, code) => {
      const { streams, asked } = await scripted(() => bytes('AppendAnswer', answer));
      const requests = [
        { offset: 0, rows },
        { offset: 2, rows },
      ];
      const failure = await streams
        .append(STREAM, Buffer.of(), requests)
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({ code });
      expect(String(failure)).not.toMatch(/secret|must not/);
      expect(asked).toHaveLength(1);
    },
  );

  it.each<[grpc.status, string]>([
    [grpc.status.UNAVAILABLE, 'bigquery.unreachable'],
    [grpc.status.RESOURCE_EXHAUSTED, 'bigquery.rate-limited'],
    [grpc.status.PERMISSION_DENIED, 'bigquery.denied'],
    [grpc.status.UNAUTHENTICATED, 'bigquery.no-credentials'],
    [grpc.status.NOT_FOUND, 'bigquery.stream-behind'],
  ])('fail with status %i as %s, asked once', async (code, expected) => {
    const { streams, asked } = await scripted(() => ({ code, details: 'secret' }));
    const append = streams.append(STREAM, Buffer.of(), [{ offset: 0, rows }]);
    await expect(append).rejects.toMatchObject({ code: expected });
    const failure = await streams.create(TABLE).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: expected });
    expect(String(failure)).not.toContain('secret');
    expect(asked).toHaveLength(2);
  });

  it('find BigQuery’s own code in the details of a status', async () => {
    const metadata = new grpc.Metadata();
    metadata.set('grpc-status-details-bin', bytes('Status', status(3, 7)));
    const { streams } = await scripted(() => ({ code: grpc.status.INVALID_ARGUMENT, metadata }));
    const append = streams.append(STREAM, Buffer.of(), [{ offset: 0, rows }]);
    await expect(append).rejects.toMatchObject({
      code: 'bigquery.stream-behind',
      facts: { reason: 'SCHEMA_MISMATCH_EXTRA_FIELDS' },
    });
  });

  it.each<[grpc.status, number | undefined, 'committed' | 'unknown']>([
    [grpc.status.FAILED_PRECONDITION, 2, 'committed'],
    [grpc.status.NOT_FOUND, 3, 'unknown'],
    [grpc.status.NOT_FOUND, undefined, 'unknown'],
  ])(
    'tell of a commit that is refused with status %i and code %s',
    async (code, storage, outcome) => {
      const metadata = new grpc.Metadata();
      if (storage !== undefined)
        metadata.set('grpc-status-details-bin', bytes('Status', status(code, storage)));
      const { streams } = await scripted(() => ({ code, metadata }));
      expect(await streams.commit(TABLE, [STREAM])).toBe(outcome);
    },
  );

  it('end with the signal, whatever they wait for', async () => {
    const stopping = new AbortController();
    const self = await scripted(() => 'none', stopping.signal);
    const asked = Promise.withResolvers<void>();
    self.answer = () => {
      if (self.asked.length === 2) asked.resolve();
      return 'none';
    };
    const ends = [
      self.streams.create(TABLE),
      self.streams.append(STREAM, Buffer.of(), [{ offset: 0, rows }]),
    ].map((call) => call.catch((error: unknown) => error));
    await asked.promise;
    const reason = new Error('stopped');
    stopping.abort(reason);
    expect(await Promise.all(ends)).toEqual([reason, reason]);
    await expect(self.streams.create(TABLE)).rejects.toBe(reason);
  });

  it('are out of reach when nobody listens, and back when somebody does', async () => {
    const self = await scripted(() => bytes('WriteStream', { name: STREAM }));
    const nobody = new GrpcWriteStreams({
      project: 'acme',
      address: '127.0.0.1:1',
      authorization: () => Promise.resolve({}),
      signal: new AbortController().signal,
    });
    await expect(nobody.create(TABLE)).rejects.toMatchObject({ code: 'bigquery.unreachable' });
    await nobody.close();
    await self.streams.close();
    expect(await self.streams.create(TABLE)).toBe(STREAM);
  });
});
