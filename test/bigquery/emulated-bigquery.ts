import { gunzipSync } from 'node:zlib';
import type { BigQueryService, Job, JobId, JobOutcome } from '../../src/bigquery/job.ts';
import { RestBigQuery } from '../../src/bigquery/rest-service.ts';

const PROJECT = 'demo';

/**
 * An emulator asked over its own REST API, with what it lacks put in: it takes no compressed files,
 * makes job ids of its own for uploads, and parses no key that is not enforced.
 */
export class EmulatedBigQuery implements BigQueryService {
  readonly #endpoint: string;
  readonly #rest: RestBigQuery;
  readonly #loads = new Map<JobId, JobOutcome>();

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
    this.#rest = new RestBigQuery({
      project: PROJECT,
      location: 'US',
      endpoint,
      authorization: () => Promise.resolve({}),
      labels: {},
    });
  }

  async submit(id: JobId, job: Job): Promise<'submitted' | 'duplicate'> {
    if (job.kind === 'query') {
      const sql = job.sql
        .replaceAll(/, PRIMARY KEY \([^)]*\) NOT ENFORCED/g, '')
        .replaceAll(/ALTER TABLE (\S+) (ADD COLUMN [^;]*)/g, (_, table: string, adds: string) =>
          adds
            .split(', ADD COLUMN')
            .map((add, index) => `ALTER TABLE ${table} ${index === 0 ? '' : 'ADD COLUMN'}${add}`)
            .join(';\n'),
        );
      return this.#rest.submit(id, { ...job, sql });
    }
    if (this.#loads.has(id)) return 'duplicate';
    const metadata = {
      configuration: {
        load: {
          destinationTable: { projectId: PROJECT, datasetId: job.dataset, tableId: job.table },
          sourceFormat: 'NEWLINE_DELIMITED_JSON',
          writeDisposition: 'WRITE_APPEND',
        },
      },
    };
    const lines = gunzipSync(job.file);
    const body = Buffer.concat([
      Buffer.from(
        `--b\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(metadata)}\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n`,
      ),
      lines,
      Buffer.from('\r\n--b--\r\n'),
    ]);
    const path = `/upload/bigquery/v2/projects/${PROJECT}/jobs?uploadType=multipart`;
    const answer = await fetch(this.#endpoint + path, {
      method: 'POST',
      headers: { 'content-type': 'multipart/related; boundary=b' },
      body,
    });
    const { status, error } = (await answer.json()) as {
      status?: { errorResult?: { message: string } };
      error?: { message: string };
    };
    const failure = error ?? status?.errorResult;
    const rows = lines.toString().trimEnd().split('\n').length;
    this.#loads.set(
      id,
      failure
        ? { kind: 'failed', error: { reason: 'invalid', message: failure.message } }
        : { kind: 'done', rows, bytesBilled: 0 },
    );
    return 'submitted';
  }

  async outcome(id: JobId): Promise<JobOutcome | undefined> {
    return this.#loads.get(id) ?? this.#rest.outcome(id);
  }

  wait(id: JobId): Promise<JobOutcome | undefined> {
    return this.#rest.wait(id);
  }

  rows(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    return this.#rest.rows(sql);
  }

  dryRun(sql: string): Promise<number> {
    return this.#rest.dryRun(sql);
  }

  ensureDataset(dataset: string): Promise<void> {
    return this.#rest.ensureDataset(dataset);
  }
}
