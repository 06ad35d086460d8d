import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { type Answer, type Json, refusal } from './answer.ts';
import { Emulator } from './emulator.ts';
import { emulatorSql, loneStatements } from './emulator-sql.ts';
import type { HttpFault } from './http-fault.ts';
import { type Job, type LoadConfiguration, type TableReference, tableKey } from './job.ts';
import { type JobEnd, JobRegister, type UnfinishedState } from './job-register.ts';
import { endOf, runLoad } from './load-job.ts';
import { GOOGLE_LIMITS, type QuotaLimits, Quotas } from './quotas.ts';
import { alteredTables, changedTables, refusedScript } from './script.ts';
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
  /** BigQuery's when absent, save that of updates in ten seconds, which tests are too fast for. */
  readonly quotas?: Partial<QuotaLimits>;
}

const DEFAULT_QUOTAS: QuotaLimits = { ...GOOGLE_LIMITS, updatesPer10sAndTable: Infinity };

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
  readonly #quotas: Quotas;

  private constructor(server: Server, emulator: string, options: FrontOptions) {
    const { nowMs = Date.now, unfinished = [], schemaDelayMs = 0, quotas = {} } = options;
    this.#server = server;
    this.#emulator = new Emulator(emulator);
    this.#register = new JobRegister(unfinished);
    this.#schemas = new TableSchemas(this.#emulator, schemaDelayMs, nowMs);
    this.#quotas = new Quotas({ ...DEFAULT_QUOTAS, ...quotas }, nowMs);
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
    if (method === 'GET' && !searchParams.has('fields'))
      return this.#described(pathname, await this.#emulator.send({ method, path }));
    if (method !== 'POST' || !pathname.endsWith('/jobs'))
      return this.#emulator.send({ method, path, body });
    if (pathname.startsWith('/upload/'))
      return this.#load(path, headers['content-type'] ?? '', body);
    return this.#query(pathname, JSON.parse(body.toString()) as Job);
  }

  /** The emulator describes a table as it was made. */
  async #described(pathname: string, answer: Answer): Promise<Answer> {
    const table = TABLE_PATH.exec(pathname)?.groups as TableReference | undefined;
    if (!table || answer.status !== 200 || answer.body['type'] !== 'TABLE') return answer;
    const fields = await this.#schemas.visible(table);
    return { ...answer, body: { ...answer.body, schema: { fields } } };
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
      const refused = this.#quotas.takeUpdates([tableKey(table)]);
      if (refused) return { kind: 'failed', refusal: refused };
      return runLoad(this.#emulator, this.#schemas, path, job, gunzipSync(file));
    });
  }

  async #query(path: string, job: Job): Promise<Answer> {
    const { query } = job.configuration;
    const sql = query?.query ?? '';
    const run = (): Promise<Answer> => {
      const configuration = query
        ? { ...job.configuration, query: { ...query, query: emulatorSql(sql) } }
        : job.configuration;
      return this.#emulator.post(path, { ...job, configuration });
    };
    if (job.configuration.dryRun === true) return run();
    return this.#register.take(job, () =>
      this.#runScript(sql, async () => {
        for (const lone of loneStatements(sql))
          await this.#emulator.run(path.replace(/\/jobs$/, ''), lone);
        return run();
      }),
    );
  }

  async #runScript(sql: string, run: () => Promise<Answer>): Promise<JobEnd> {
    const refused = refusedScript(sql) ?? this.#quotas.takeUpdates(changedTables(sql));
    if (refused) return { kind: 'failed', refusal: refused };
    const altered = alteredTables(sql);
    await this.#schemas.alters(altered);
    const end = endOf(await run());
    if (changedTables(sql).length > 0) this.#schemas.forget();
    for (const table of altered) await this.#schemas.describe(table);
    return end;
  }

  #isTaken({ jobReference }: Job): boolean {
    return this.jobs.has(jobReference?.jobId ?? '');
  }
}

const TABLE_PATH =
  /\/projects\/(?<projectId>[^/]+)\/datasets\/(?<datasetId>[^/]+)\/tables\/(?<tableId>[^/]+)$/;
