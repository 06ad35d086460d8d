import { type Answer, type Json, refusal } from './answer.ts';
import type { TableReference } from './job.ts';

export interface Forwarded {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly body?: Buffer;
  readonly type?: string;
}

/** The server behind the front. */
export class Emulator {
  readonly #address: string;

  constructor(address: string) {
    this.#address = address.replace(/\/$/, '');
  }

  async send({ method, path, body, type = 'application/json' }: Forwarded): Promise<Answer> {
    const answer = await fetch(this.#address + path, {
      method,
      headers: { 'content-type': type },
      ...(method === 'GET' || body === undefined ? {} : { body: new Uint8Array(body) }),
    });
    const { status } = answer;
    const text = await answer.text();
    const json = (text === '' ? {} : JSON.parse(text)) as Json;
    // A statement that fails is answered 200 by the emulator's jobs.query.
    const [error] = (json['errors'] as readonly Json[] | undefined) ?? [];
    if (path.endsWith('/queries') && status === 200 && error)
      return refusal(400, {
        reason: String(error['reason']),
        message: String(error['message']),
      });
    return { status, body: json };
  }

  post(path: string, body: unknown): Promise<Answer> {
    return this.send({ method: 'POST', path, body: Buffer.from(JSON.stringify(body)) });
  }

  /** @param project  `/bigquery/v2/projects/P` */
  query(project: string, query: string): Promise<Answer> {
    return this.post(`${project}/queries`, { query, useLegacySql: false });
  }

  async viewQuery({ projectId, datasetId, tableId }: TableReference): Promise<unknown> {
    const name = tableId.replaceAll(/[\\']/g, '\\$&');
    const sql = `SELECT v.view_definition FROM \`${projectId}\`.\`${datasetId}\`.INFORMATION_SCHEMA.VIEWS AS v WHERE v.table_name = '${name}'`;
    const { body } = await this.query(`/bigquery/v2/projects/${projectId}`, sql);
    const [row] = (body['rows'] ?? []) as readonly { readonly f: readonly { v: unknown }[] }[];
    return row?.f[0]?.v;
  }

  /** @throws when the emulator refuses the statement */
  async run(project: string, sql: string): Promise<void> {
    const { status, body } = await this.query(project, sql);
    if (status !== 200) throw new Error(`the emulator refuses ${sql}: ${JSON.stringify(body)}`);
  }
}
