import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { emulatorSql } from './emulator-sql.ts';

type Json = Readonly<Record<string, unknown>>;

interface Answer {
  readonly status: number;
  readonly body: Json;
}

interface Job extends Json {
  readonly jobReference?: { readonly jobId?: string };
  readonly configuration: {
    readonly dryRun?: boolean;
    readonly load?: Json;
    readonly query?: { readonly query: string } & Json;
  };
}

/** What goes wrong with one request; an answer other than 2xx comes without the request carried out. */
export type HttpFault =
  | { readonly kind: 'cutBefore' }
  | { readonly kind: 'cutAfter' }
  | { readonly kind: 'lostIn500' }
  | { readonly kind: 'answer'; readonly status: number; readonly reason: string };

const ALTERED = /ALTER TABLE (\S+) (?:ADD|ALTER) COLUMN/g;

/**
 * An HTTP server before a BigQuery emulator, with what the service has and the emulator lacks: ids
 * of jobs are the caller's and taken once for ever, files may be compressed, and statements are
 * BigQuery's. Everything else passes through.
 */
export class BigQueryFront implements AsyncDisposable {
  readonly endpoint: string;
  /** Every job that was taken, with what became of it. */
  readonly jobs = new Map<string, Json>();
  /** Asked before each request. */
  fault: () => HttpFault | undefined = () => undefined;
  readonly #server: Server;
  readonly #emulator: string;

  private constructor(server: Server, emulator: string) {
    this.#server = server;
    this.#emulator = emulator;
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @param emulator  its address, as `http://127.0.0.1:9050` */
  static async start(emulator: string): Promise<BigQueryFront> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const front = new BigQueryFront(server, emulator.replace(/\/$/, ''));
    server.on('request', (request, response) => void front.#handle(request, response));
    return front;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = this.fault();
    if (fault?.kind === 'cutBefore') {
      request.socket.destroy();
      return;
    }
    const { status, body } = await this.#faulty(request, fault).catch((error: unknown) =>
      failure(503, 'backendError', String(error)),
    );
    if (fault?.kind === 'cutAfter') {
      request.socket.destroy();
      return;
    }
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }

  async #faulty(request: IncomingMessage, fault: HttpFault | undefined): Promise<Answer> {
    if (fault?.kind === 'answer') {
      await request.toArray();
      return failure(fault.status, fault.reason, 'as the test wants it');
    }
    const answer = await this.#answer(request);
    return fault?.kind === 'lostIn500' ? failure(500, 'backendError', 'lost') : answer;
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const { method = 'GET', headers } = request;
    const body = Buffer.concat((await request.toArray()) as Buffer[]);
    const { pathname, search } = new URL(request.url ?? '/', this.endpoint);
    const id = /\/jobs\/([^/]+)$/.exec(pathname)?.[1];
    const known = id === undefined ? undefined : this.jobs.get(decodeURIComponent(id));
    if (known) return { status: 200, body: known };
    if (method !== 'POST' || !pathname.endsWith('/jobs'))
      return this.#forward(method, pathname + search, body, 'application/json');
    if (pathname.startsWith('/upload/'))
      return this.#load(pathname + search, headers['content-type'] ?? '', body);
    return this.#query(pathname, JSON.parse(body.toString()) as Job);
  }

  async #load(path: string, contentType: string, body: Buffer): Promise<Answer> {
    const [metadata, file] = multipart(contentType, body);
    const job = JSON.parse(metadata.toString()) as Job;
    if (this.#isTaken(job)) return duplicate();
    const lines = gunzipSync(file);
    const forwarded = { configuration: job.configuration };
    const parts = Buffer.concat([
      Buffer.from(`--b\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(forwarded)}`),
      Buffer.from('\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n'),
      lines,
      Buffer.from('\r\n--b--\r\n'),
    ]);
    const answer = await this.#forward('POST', path, parts, 'multipart/related; boundary=b');
    const rows = lines.toString().trimEnd().split('\n').length;
    const statistics = { load: { outputRows: String(rows) } };
    return this.#take(job, { ...answer, body: { ...answer.body, statistics } });
  }

  async #query(path: string, job: Job): Promise<Answer> {
    if (this.#isTaken(job)) return duplicate();
    const { query } = job.configuration;
    const configuration = query
      ? { ...job.configuration, query: { ...query, query: emulatorSql(query.query) } }
      : job.configuration;
    const body = Buffer.from(JSON.stringify({ ...job, configuration }));
    const answer = await this.#forward('POST', path, body, 'application/json');
    if (job.configuration.dryRun === true) return answer;
    for (const [, table = ''] of (query?.query ?? '').matchAll(ALTERED))
      await this.#refreshSchema(path.replace(/\/jobs$/, ''), table);
    return this.#take(job, answer);
  }

  /** The emulator's streams read rows by a description of the table that ALTER TABLE leaves as it was. */
  async #refreshSchema(project: string, table: string): Promise<void> {
    const columns = { query: `SELECT * FROM ${table} LIMIT 0`, useLegacySql: false };
    const asJson = (value: Json): Buffer => Buffer.from(JSON.stringify(value));
    const type = 'application/json';
    const { body } = await this.#forward('POST', `${project}/queries`, asJson(columns), type);
    const [, dataset = '', name = ''] = table.replaceAll('`', '').split('.');
    const path = `${project}/datasets/${dataset}/tables/${encodeURIComponent(name)}`;
    await this.#forward('PATCH', path, asJson({ schema: body['schema'] }), type);
  }

  #isTaken({ jobReference }: Job): boolean {
    return this.jobs.has(jobReference?.jobId ?? '');
  }

  /** A job that the emulator refuses in its answer is one that BigQuery takes, and that fails. */
  #take(job: Job, { body }: Answer): Answer {
    const error = body['error'] as Json | undefined;
    const [first] = (error?.['errors'] as readonly Json[] | undefined) ?? [];
    const status = error ? { state: 'DONE', errorResult: first ?? error } : body['status'];
    const taken = { ...job, ...body, jobReference: job.jobReference, status };
    const id = job.jobReference?.jobId;
    if (id !== undefined) this.jobs.set(id, taken);
    return { status: 200, body: taken };
  }

  async #forward(method: string, path: string, body: Buffer, type: string): Promise<Answer> {
    const answer = await fetch(this.#emulator + path, {
      method,
      headers: { 'content-type': type },
      ...(method === 'GET' ? {} : { body: new Uint8Array(body) }),
    });
    const { status } = answer;
    const text = await answer.text();
    const json = (text === '' ? {} : JSON.parse(text)) as Json;
    // A statement that fails is answered 200 by the emulator's jobs.query.
    const errors = json['errors'] as readonly Json[] | undefined;
    if (path.endsWith('/queries') && status === 200 && errors?.[0])
      return failure(400, String(errors[0]['reason']), String(errors[0]['message']));
    return { status, body: json };
  }
}

function multipart(contentType: string, body: Buffer): readonly [metadata: Buffer, file: Buffer] {
  const boundary = /boundary=([^;]+)/.exec(contentType)?.[1] ?? '';
  const mark = Buffer.from(`--${boundary}`);
  const second = body.indexOf(mark, mark.length);
  const last = body.lastIndexOf(Buffer.from(`\r\n--${boundary}--`));
  const content = (part: Buffer): Buffer => part.subarray(part.indexOf('\r\n\r\n') + 4);
  return [content(body.subarray(0, second - '\r\n'.length)), content(body.subarray(second, last))];
}

const duplicate = (): Answer => failure(409, 'duplicate', 'Already Exists: Job');

function failure(status: number, reason: string, message: string): Answer {
  return { status, body: { error: { code: status, message, errors: [{ reason, message }] } } };
}
