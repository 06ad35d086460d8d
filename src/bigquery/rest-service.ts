import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../errors/error.ts';
import { type RestError, requestFailure } from './bigquery-error.ts';
import type { BigQueryService, Job, JobId, JobOutcome, LoadJob, QueryJob } from './job.ts';

export interface RestServiceOptions {
  readonly project: string;
  /** Of datasets and jobs: `EU`, `europe-west1`. */
  readonly location: string;
  /** Without a path; Google's own when absent. */
  readonly endpoint?: string;
  readonly authorization: () => Promise<Readonly<Record<string, string>>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Cloud KMS key that new datasets encrypt their tables with. */
  readonly kmsKey?: string;
  /** Before an answer is given up, that of an upload too. */
  readonly timeoutMs?: number;
}

export const GOOGLE = 'https://bigquery.googleapis.com';

/** An answer takes milliseconds to seconds; a dead connection would wait for ever. */
const REQUEST_TIMEOUT_MS = 60_000;
const UPLOAD_TIMEOUT_MS = 600_000;
/** How long BigQuery itself waits for a query before it answers that it is under way. */
const QUERY_WAIT_MS = 30_000;
const NAMES_A_PAGE = 1_000;
/** A load takes seconds: asking more often learns nothing sooner. */
const POLL_MS = 500;

interface RestAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Request {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly body?: string | Buffer;
  readonly type?: string;
  readonly timeoutMs?: number;
  /** What it submits, if that is a job. */
  readonly job?: Job;
}

/**
 * The few calls of BigQuery's REST API that a sink makes, each sent once. Google's own client adds
 * retries whose effect cannot be told afterwards, and its uploads have no deadline.
 */
export class RestBigQuery implements BigQueryService {
  readonly #options: RestServiceOptions;
  readonly #endpoint: string;

  constructor(options: RestServiceOptions) {
    this.#options = options;
    this.#endpoint = (options.endpoint ?? GOOGLE).replace(/\/$/, '');
  }

  async submit(id: JobId, job: Job): Promise<'submitted' | 'duplicate'> {
    const answer = await this.#send(
      {
        ...(job.kind === 'load' ? this.#upload(id, job) : this.#insert(this.#resource(id, job))),
        job,
      },
      `submitting job ${id}`,
      [409],
    );
    return answer.status === 409 ? 'duplicate' : 'submitted';
  }

  async outcome(id: JobId): Promise<JobOutcome | undefined> {
    const path = `jobs/${encodeURIComponent(id)}?location=${encodeURIComponent(this.#options.location)}`;
    const { status, body } = await this.#send(this.#get(path), `asking for job ${id}`, [404]);
    return status === 404 ? undefined : outcomeOf(body);
  }

  async wait(id: JobId): Promise<JobOutcome | undefined> {
    await sleep(POLL_MS);
    return this.outcome(id);
  }

  async rows(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    const { location, labels } = this.#options;
    const query = { query: sql, useLegacySql: false, location, labels, timeoutMs: QUERY_WAIT_MS };
    let { body } = await this.#send(this.#post('queries', query), 'running a query', []);
    const id = textAt(body, 'jobReference', 'jobId');
    const rows = [...rowsOf(body)];
    while (body['jobComplete'] === false || typeof body['pageToken'] === 'string') {
      const page =
        typeof body['pageToken'] === 'string'
          ? `&pageToken=${encodeURIComponent(body['pageToken'])}`
          : '';
      const path = `queries/${encodeURIComponent(id)}?location=${encodeURIComponent(location)}&timeoutMs=${QUERY_WAIT_MS}${page}`;
      ({ body } = await this.#send(this.#get(path), 'reading the rows of a query', []));
      rows.push(...rowsOf(body));
    }
    return rows;
  }

  async dryRun(sql: string): Promise<number> {
    const { project: projectId, location } = this.#options;
    // What the cache answers would be estimated at nothing.
    const query = { query: sql, useLegacySql: false, useQueryCache: false };
    const configuration = { dryRun: true, query };
    const jobReference = { projectId, location };
    const request = this.#insert({ jobReference, configuration });
    const { body } = await this.#send(request, 'estimating a query', []);
    return Number(textAt(objectAt(body, 'statistics'), 'query', 'totalBytesProcessed'));
  }

  async hasTable(dataset: string, table: string): Promise<boolean> {
    const path = `datasets/${dataset}/tables/${encodeURIComponent(table)}?fields=id`;
    const request = this.#get(path);
    const { status } = await this.#send(request, `looking for table ${dataset}.${table}`, [404]);
    return status !== 404;
  }

  tables(dataset: string): Promise<readonly string[]> {
    return this.#list(dataset, 'tables', 'tableReference', 'tableId');
  }

  routines(dataset: string): Promise<readonly string[]> {
    return this.#list(dataset, 'routines', 'routineReference', 'routineId');
  }

  async viewQuery(dataset: string, view: string): Promise<string | undefined> {
    const body = await this.#look(`datasets/${dataset}/tables/${encodeURIComponent(view)}`, 'view');
    const { query } = objectAt(body, 'view');
    return typeof query === 'string' ? query : undefined;
  }

  async routineBody(dataset: string, routine: string): Promise<string | undefined> {
    const path = `datasets/${dataset}/routines/${encodeURIComponent(routine)}`;
    const { definitionBody: text } = await this.#look(path, 'definitionBody');
    return typeof text === 'string' ? text : undefined;
  }

  /** One field of what may be there. */
  async #look(path: string, field: string): Promise<RestAnswer['body']> {
    const { status, body } = await this.#send(
      this.#get(`${path}?fields=${field}`),
      `looking at ${path}`,
      [404],
    );
    return status === 404 ? {} : body;
  }

  async #list(
    dataset: string,
    what: 'tables' | 'routines',
    reference: string,
    id: string,
  ): Promise<readonly string[]> {
    const names: string[] = [];
    let page: unknown = '';
    while (typeof page === 'string') {
      const path = `datasets/${dataset}/${what}?maxResults=${NAMES_A_PAGE}&pageToken=${encodeURIComponent(page)}`;
      const doing = `listing ${what} of ${dataset}`;
      const { status, body } = await this.#send(this.#get(path), doing, [404]);
      if (status === 404) return [];
      const items = Array.isArray(body[what]) ? (body[what] as readonly RestAnswer['body'][]) : [];
      names.push(...items.map((item) => textAt(item, reference, id)));
      page = body['nextPageToken'];
    }
    return names;
  }

  /** DDL has no statement for it; what is so already is left alone, for each change counts. */
  async cluster(dataset: string, table: string, columns: readonly string[]): Promise<void> {
    const path = `datasets/${dataset}/tables/${encodeURIComponent(table)}`;
    const name = `${dataset}.${table}`;
    const looking = this.#get(`${path}?fields=clustering`);
    const { body } = await this.#send(looking, `looking at the clustering of ${name}`, []);
    const { fields = [] } = objectAt(body, 'clustering');
    if (String(fields) === String(columns)) return;
    const clustering = columns.length === 0 ? null : { fields: columns };
    const patch = { method: 'PATCH', path: this.#project(path) } as const;
    const request = { ...patch, body: JSON.stringify({ clustering }) };
    await this.#send(request, `changing the clustering of ${name}`, []);
  }

  async primaryKey(dataset: string, table: string): Promise<readonly string[]> {
    const path = `datasets/${dataset}/tables/${encodeURIComponent(table)}?fields=tableConstraints`;
    const { body } = await this.#send(
      this.#get(path),
      `looking at the key of ${dataset}.${table}`,
      [],
    );
    const { columns } = objectAt(objectAt(body, 'tableConstraints'), 'primaryKey');
    return Array.isArray(columns) ? columns.map(String) : [];
  }

  /** One that is there is only looked at: making datasets takes a permission on the project. */
  async ensureDataset(dataset: string): Promise<void> {
    const { project, location, labels, kmsKey } = this.#options;
    const looking = this.#get(`datasets/${dataset}?fields=id`);
    const found = await this.#send(looking, `looking for dataset ${dataset}`, [404]);
    if (found.status !== 404) return;
    const resource = {
      datasetReference: { projectId: project, datasetId: dataset },
      location,
      labels,
      ...(kmsKey === undefined ? {} : { defaultEncryptionConfiguration: { kmsKeyName: kmsKey } }),
    };
    await this.#send(this.#post('datasets', resource), `making dataset ${dataset}`, [409]);
  }

  #get(path: string): Request {
    return { method: 'GET', path: this.#project(path) };
  }

  #post(path: string, body: unknown): Request {
    return { method: 'POST', path: this.#project(path), body: JSON.stringify(body) };
  }

  #insert(resource: unknown): Request {
    return this.#post('jobs', resource);
  }

  #project(path: string): string {
    return `/bigquery/v2/projects/${this.#options.project}/${path}`;
  }

  #resource(jobId: JobId, job: Job): unknown {
    const { project: projectId, location, labels } = this.#options;
    const configuration =
      job.kind === 'load'
        ? { labels, load: loadConfiguration(projectId, job) }
        : { labels, query: queryConfiguration(job) };
    return { jobReference: { projectId, jobId, location }, configuration };
  }

  #upload(id: JobId, job: LoadJob): Request {
    const boundary = `sluice-${id}`;
    const head = `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify(this.#resource(id, job))}\r\n--${boundary}\r\nContent-Type: application/octet-stream\r\n\r\n`;
    return {
      method: 'POST',
      path: `/upload${this.#project('jobs')}?uploadType=multipart`,
      body: Buffer.concat([Buffer.from(head), job.file, Buffer.from(`\r\n--${boundary}--\r\n`)]),
      type: `multipart/related; boundary=${boundary}`,
      timeoutMs: UPLOAD_TIMEOUT_MS,
    };
  }

  /** @param expected  statuses other than 2xx that are an answer */
  async #send(request: Request, doing: string, expected: readonly number[]): Promise<RestAnswer> {
    let status = 0;
    let text = '';
    try {
      const response = await fetch(this.#endpoint + request.path, {
        method: request.method,
        headers: {
          ...(await this.#options.authorization()),
          ...(request.body === undefined
            ? {}
            : { 'content-type': request.type ?? 'application/json' }),
        },
        ...(request.body === undefined ? {} : { body: request.body }),
        signal: AbortSignal.timeout(
          this.#options.timeoutMs ?? request.timeoutMs ?? REQUEST_TIMEOUT_MS,
        ),
      });
      status = response.status;
      text = await response.text();
    } catch (error) {
      throw requestFailure(doing, undefined, error);
    }
    const body = parseObject(text);
    if (expected.includes(status) || (status >= 200 && status < 300 && body))
      return { status, body: body ?? {} };
    throw requestFailure(doing, restError(status, body), undefined, request.job);
  }
}

/** The table exists and keeps its schema: a file that does not fit it fails as a whole. */
function loadConfiguration(projectId: string, { dataset, table }: LoadJob): unknown {
  return {
    destinationTable: { projectId, datasetId: dataset, tableId: table },
    sourceFormat: 'NEWLINE_DELIMITED_JSON',
    createDisposition: 'CREATE_NEVER',
    writeDisposition: 'WRITE_APPEND',
    maxBadRecords: 0,
    ignoreUnknownValues: false,
  };
}

function queryConfiguration({ sql, data = {}, priority }: QueryJob): unknown {
  const parameters = Object.entries(data).map(([name, value]) => ({
    name,
    parameterType: { type: 'STRING' },
    parameterValue: { value },
  }));
  return {
    query: sql,
    useLegacySql: false,
    priority,
    ...(parameters.length === 0 ? {} : { parameterMode: 'NAMED', queryParameters: parameters }),
  };
}

function outcomeOf(body: RestAnswer['body']): JobOutcome {
  const status = objectAt(body, 'status');
  if (status['state'] !== 'DONE') return { kind: 'running' };
  const error = status['errorResult'];
  if (typeof error === 'object' && error !== null) {
    const { reason, message } = error as Readonly<Record<string, unknown>>;
    const details = Array.isArray(status['errors']) ? (status['errors'] as readonly unknown[]) : [];
    const messages = [message, ...details.map(messageOf)].map(String);
    return { kind: 'failed', error: { reason: String(reason), message: messages.join('\n') } };
  }
  const statistics = objectAt(body, 'statistics');
  return {
    kind: 'done',
    rows: Number(objectAt(statistics, 'load')['outputRows'] ?? 0),
    bytesBilled: Number(objectAt(statistics, 'query')['totalBytesBilled'] ?? 0),
  };
}

const messageOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'message' in error ? error.message : '';

export function restError(status: number, body: RestAnswer['body'] | undefined): RestError {
  const error = objectAt(body ?? {}, 'error');
  const [first] = Array.isArray(error['errors']) ? (error['errors'] as readonly unknown[]) : [];
  const reason =
    typeof first === 'object' && first !== null
      ? (first as Record<string, unknown>)['reason']
      : error['status'];
  return {
    status,
    reason: typeof reason === 'string' ? reason : 'unknown',
    message: typeof error['message'] === 'string' ? error['message'] : '',
  };
}

function rowsOf(body: RestAnswer['body']): readonly (readonly (string | null)[])[] {
  const rows = body['rows'];
  if (!Array.isArray(rows)) return [];
  return (rows as readonly { f: readonly { v: unknown }[] }[]).map(({ f }) =>
    f.map(({ v }) =>
      v === null || v === undefined ? null : typeof v === 'string' ? v : JSON.stringify(v),
    ),
  );
}

function objectAt(
  object: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, unknown>> {
  const value = object[name];
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

function textAt(body: RestAnswer['body'], first: string, second: string): string {
  const value = objectAt(body, first)[second];
  if (typeof value === 'string') return value;
  throw new SluiceError('bigquery.failed', `An answer of BigQuery lacks ${first}.${second}.`);
}

function parseObject(text: string): RestAnswer['body'] | undefined {
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as RestAnswer['body']) : undefined;
  } catch {
    return undefined;
  }
}
