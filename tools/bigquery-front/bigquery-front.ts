import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { type Answer, type Json, type Refusal, refusal } from './answer.ts';
import { DmlQueues, GOOGLE_DML } from './dml-queues.ts';
import { Emulator } from './emulator.ts';
import { emulatorSql } from './emulator-sql.ts';
import type { HttpFault } from './http-fault.ts';
import {
  type Job,
  type LoadConfiguration,
  parametersOf,
  type TableReference,
  tableKey,
} from './job.ts';
import { type JobEnd, JobRegister, type UnfinishedState } from './job-register.ts';
import { endOf, runLoad } from './load-job.ts';
import { refusedDataset } from './object-names.ts';
import { GOOGLE_LIMITS, type QuotaLimits, Quotas } from './quotas.ts';
import { alteredTables, changedTables, refusedScript, unknownParameters } from './script.ts';
import { dmlOf, statementsOf } from './statements.ts';
import { TableLayouts } from './table-layouts.ts';
import { TableSchemas } from './table-schemas.ts';
import { uploadParts } from './upload-parts.ts';

export type { HttpFault } from './http-fault.ts';

export interface FrontOptions {
  /** A free one when absent. */
  readonly port?: number;
  /** Of quotas and delays; the real clock when absent. */
  readonly nowMs?: () => number;
  /** What every job says before DONE, one a poll; it is done at once when absent. */
  readonly unfinished?: readonly UnfinishedState[];
  /** How long the columns of an ALTER stay unknown to loads and descriptions; not at all when absent. */
  readonly schemaDelayMs?: number;
  /** BigQuery's when absent. */
  readonly quotas?: Partial<QuotaLimits>;
}

/** Of a request to jobs.insert or jobs.query: https://cloud.google.com/bigquery/quotas#query_jobs */
const MAX_REQUEST_BYTES = 10_000_000;
const MAX_PARAMETERS = 10_000;

/**
 * An HTTP server before a BigQuery emulator, with what the service has and the emulator lacks, so
 * that what passes here has a chance there: ids of jobs are the caller's and taken once for ever, in
 * one location; jobs take their time; files may be compressed, have to fit their table, and have
 * their BYTES decoded; statements are BigQuery's, and scripts end their transactions; there are
 * quotas; and any request may go wrong. Everything else passes through.
 */
export class BigQueryFront implements AsyncDisposable {
  readonly endpoint: string;
  /** Asked before each request. */
  fault: () => HttpFault | undefined = () => undefined;
  readonly #server: Server;
  readonly #emulator: Emulator;
  readonly #register: JobRegister;
  readonly #schemas: TableSchemas;
  readonly #layouts = new TableLayouts();
  readonly #dml = new DmlQueues(GOOGLE_DML);
  readonly #quotas: Quotas;

  private constructor(server: Server, emulator: string, options: FrontOptions) {
    const { nowMs = Date.now, unfinished = [], schemaDelayMs = 0, quotas = {} } = options;
    this.#server = server;
    this.#emulator = new Emulator(emulator);
    this.#register = new JobRegister(unfinished);
    this.#schemas = new TableSchemas(this.#emulator, schemaDelayMs, nowMs);
    this.#quotas = new Quotas({ ...GOOGLE_LIMITS, ...quotas }, nowMs);
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @param emulator  its address, as `http://127.0.0.1:9050` */
  static async start(emulator: string, options: FrontOptions = {}): Promise<BigQueryFront> {
    const server = createServer();
    server.listen(options.port ?? 0, '127.0.0.1');
    await once(server, 'listening');
    const front = new BigQueryFront(server, emulator, options);
    server.on('request', (request, response) => void front.#handle(request, response));
    return front;
  }

  /** Every job that was taken, with what became of it. */
  get jobs(): ReadonlyMap<string, Json> {
    return this.#register.jobs;
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
      refusal(503, { reason: 'backendError', message: String(error) }),
    );
    if (fault?.kind === 'cutAfter') {
      request.socket.destroy();
      return;
    }
    if (fault?.kind === 'slow' && !response.closed) await once(response, 'close');
    if (response.closed) return;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }

  async #faulty(request: IncomingMessage, fault: HttpFault | undefined): Promise<Answer> {
    if (fault?.kind === 'answer') {
      await request.toArray();
      return refusal(fault.status, { reason: fault.reason, message: 'as the test wants it' });
    }
    const answer = await this.#answer(request);
    return fault?.kind === 'lostIn500'
      ? refusal(500, { reason: 'backendError', message: 'lost' })
      : answer;
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const { method = 'GET', headers } = request;
    const body = Buffer.concat((await request.toArray()) as Buffer[]);
    const { pathname, search, searchParams } = new URL(request.url ?? '/', this.endpoint);
    const path = pathname + search;
    const id = /\/jobs\/([^/]+)$/.exec(pathname)?.[1];
    const location = searchParams.get('location') ?? 'US';
    const job = id && (await this.#register.get(decodeURIComponent(id), location));
    if (job) return job;
    const table = TABLE_PATH.exec(pathname)?.groups as TableReference | undefined;
    if (table && method === 'PATCH')
      return this.#patched(table, JSON.parse(body.toString()) as Json);
    if (table && method === 'GET')
      return this.#described(decoded(table), await this.#emulator.send({ method, path: pathname }));
    if (method === 'POST' && pathname.endsWith('/datasets')) {
      const refused = refusedDataset(datasetOf(JSON.parse(body.toString()) as Json));
      if (refused) return refusal(400, refused);
    }
    if (method !== 'POST' || !pathname.endsWith('/jobs'))
      return this.#emulator.send({ method, path, body });
    if (pathname.startsWith('/upload/'))
      return this.#load(path, headers['content-type'] ?? '', body);
    return this.#query(pathname, JSON.parse(body.toString()) as Job, body.length);
  }

  /**
   * The emulator describes a table as it was made, without its clustering and its key, and a view
   * without its query.
   */
  async #described(table: TableReference, answer: Answer): Promise<Answer> {
    if (answer.status === 200 && answer.body['type'] === 'VIEW') {
      const view = { query: await this.#emulator.viewQuery(table), useLegacySql: false };
      return { ...answer, body: { ...answer.body, view } };
    }
    if (answer.status !== 200 || answer.body['type'] !== 'TABLE') return answer;
    const fields = await this.#schemas.visible(table);
    const columns = this.#layouts.clustering(tableKey(table));
    const clustering = columns.length === 0 ? {} : { clustering: { fields: columns } };
    const key = this.#layouts.key(tableKey(table));
    const tableConstraints = key.length === 0 ? {} : { primaryKey: { columns: key } };
    const body = { ...answer.body, schema: { fields }, ...clustering, tableConstraints };
    return { ...answer, body };
  }

  /** Of what can be patched the front knows the clustering alone. */
  async #patched(reference: TableReference, body: Json): Promise<Answer> {
    const table = decoded(reference);
    const fields = await this.#schemas.visible(table);
    if (!fields)
      return refusal(404, { reason: 'notFound', message: `Not found: ${tableKey(table)}` });
    if (Object.keys(body).join() !== 'clustering')
      return refusal(501, { reason: 'notImplemented', message: 'The front patches clustering.' });
    const limited = this.#quotas.takeUpdates([tableKey(table)], this.#layouts.isPartitioned);
    if (limited) return refusal(403, limited);
    const { fields: columns = [] } = (body['clustering'] ?? {}) as { fields?: readonly string[] };
    const refused = this.#layouts.change(tableKey(table), columns, fields);
    return refused ? refusal(400, refused) : { status: 200, body };
  }

  async #load(path: string, contentType: string, body: Buffer): Promise<Answer> {
    const [metadata, file] = uploadParts(contentType, body);
    const job = JSON.parse(metadata.toString()) as Job & {
      readonly configuration: { readonly load: LoadConfiguration };
    };
    const { destinationTable: table } = job.configuration.load;
    if (!this.#isTaken(job)) {
      const refused = this.#quotas.takeLoad(table.projectId, tableKey(table));
      if (refused) return refusal(403, refused);
    }
    return this.#register.take(job, async () => {
      const refused = this.#quotas.takeUpdates([tableKey(table)], this.#layouts.isPartitioned);
      if (refused) return { kind: 'failed', refusal: refused };
      return runLoad(this.#emulator, this.#schemas, path, job, gunzipSync(file));
    });
  }

  async #query(path: string, job: Job, bytes: number): Promise<Answer> {
    const { query } = job.configuration;
    const sql = query?.query ?? '';
    const parameters = parametersOf(job);
    const refused = refusedRequest(sql, parameters, bytes);
    if (refused) return refusal(400, refused);
    const run = (): Promise<Answer> => {
      const { queryParameters: _, parameterMode: __, ...rest } = query ?? { query: '' };
      const configuration = query
        ? { ...job.configuration, query: { ...rest, query: emulatorSql(sql, parameters) } }
        : job.configuration;
      return this.#emulator.post(path, { ...job, configuration });
    };
    if (job.configuration.dryRun === true) return run();
    return this.#register.take(job, () => this.#runScript(sql, run));
  }

  async #runScript(sql: string, run: () => Promise<Answer>): Promise<JobEnd> {
    const changed = statementsOf(sql).flatMap((statement) => dmlOf(statement)?.table ?? []);
    const refused =
      refusedScript(sql) ??
      this.#layouts.refusedKeys(sql) ??
      this.#quotas.takeUpdates(changedTables(sql), this.#layouts.isPartitioned) ??
      this.#quotas.takeDml(changed);
    if (refused) return { kind: 'failed', refusal: refused };
    const leave = await this.#dml.enter(sql);
    if (typeof leave !== 'function') return { kind: 'failed', refusal: leave };
    try {
      return await this.#carryOut(sql, run);
    } finally {
      leave();
    }
  }

  async #carryOut(sql: string, run: () => Promise<Answer>): Promise<JobEnd> {
    const altered = alteredTables(sql);
    await this.#schemas.alters(altered);
    const end = endOf(await run());
    if (changedTables(sql).length > 0) this.#schemas.forget();
    if (end.kind === 'done') this.#layouts.learn(sql);
    for (const table of altered) await this.#schemas.describe(table);
    return end;
  }

  #isTaken({ jobReference }: Job): boolean {
    return this.jobs.has(jobReference?.jobId ?? '');
  }
}

const TABLE_PATH =
  /\/projects\/(?<projectId>[^/]+)\/datasets\/(?<datasetId>[^/]+)\/tables\/(?<tableId>[^/]+)$/;

const decoded = ({ tableId, ...rest }: TableReference): TableReference => ({
  ...rest,
  tableId: decodeURIComponent(tableId),
});

const datasetOf = (body: Json): string =>
  String((body['datasetReference'] as Json | undefined)?.['datasetId']);

/** What no job is made of. */
function refusedRequest(
  sql: string,
  parameters: ReadonlyMap<string, string>,
  bytes: number,
): Refusal | undefined {
  if (bytes > MAX_REQUEST_BYTES)
    return {
      reason: 'invalid',
      message: `Request payload size exceeds the limit: ${bytes} bytes.`,
    };
  if (parameters.size > MAX_PARAMETERS)
    return { reason: 'invalidQuery', message: `Too many query parameters: ${parameters.size}.` };
  const [unknown] = unknownParameters(sql, new Set(parameters.keys()));
  if (unknown === undefined) return undefined;
  return { reason: 'invalidQuery', message: `Query parameter '${unknown}' not found.` };
}
