import type { Json } from './answer.ts';
import type { Emulator } from './emulator.ts';
import { type TableReference, tableKey } from './job.ts';

export interface Field extends Json {
  readonly name: string;
  readonly type: string;
  readonly mode?: string;
  readonly fields?: readonly Field[];
}

interface Hiding {
  readonly fields: readonly Field[];
  readonly untilMs: number;
}

/**
 * The columns of tables, which the emulator's own description of a table tells only as of when it
 * was made. Those of an ALTER may be told to show a while later.
 */
export class TableSchemas {
  readonly #emulator: Emulator;
  readonly #delayMs: number;
  readonly #nowMs: () => number;
  readonly #known = new Map<string, readonly Field[]>();
  readonly #hiding = new Map<string, Hiding>();

  constructor(emulator: Emulator, delayMs: number, nowMs: () => number) {
    this.#emulator = emulator;
    this.#delayMs = delayMs;
    this.#nowMs = nowMs;
  }

  /** As BigQuery shows them now; `undefined` for a table that is not there. */
  async visible(table: TableReference): Promise<readonly Field[] | undefined> {
    const hiding = this.#hiding.get(tableKey(table));
    if (hiding && this.#nowMs() < hiding.untilMs) return hiding.fields;
    return this.stored(table);
  }

  /** As rows have them. */
  async stored(table: TableReference): Promise<readonly Field[] | undefined> {
    const known = this.#known.get(tableKey(table));
    if (known) return known;
    const fields = await this.#read(table);
    if (fields) this.#known.set(tableKey(table), fields);
    return fields;
  }

  /** To be called before the tables are altered. */
  async alters(keys: readonly string[]): Promise<void> {
    if (this.#delayMs === 0) return;
    for (const key of keys) {
      const fields = await this.visible(referenceOf(key));
      if (fields) this.#hiding.set(key, { fields, untilMs: this.#nowMs() + this.#delayMs });
    }
  }

  /** To be called behind any statement that may have changed tables. */
  forget(): void {
    this.#known.clear();
  }

  /** The emulator's streams read rows by its own description, which ALTER TABLE leaves as it was. */
  async describe(key: string): Promise<void> {
    const table = referenceOf(key);
    const fields = await this.stored(table);
    if (!fields) return;
    const body = Buffer.from(JSON.stringify({ schema: { fields } }));
    await this.#emulator.send({ method: 'PATCH', path: pathOf(table), body });
  }

  async #read(table: TableReference): Promise<readonly Field[] | undefined> {
    const { projectId, datasetId, tableId } = table;
    const made = await this.#emulator.send({ method: 'GET', path: pathOf(table) });
    if (made.status !== 200) return undefined;
    const name = [projectId, datasetId, tableId].map((part) => `\`${part}\``).join('.');
    const asked = await this.#emulator.query(
      projectPath(projectId),
      `SELECT * FROM ${name} LIMIT 0`,
    );
    const required = new Set(fieldsOf(made.body).filter(isRequired).map(nameOf));
    return fieldsOf(asked.body).map((field) =>
      required.has(nameOf(field)) ? { ...field, mode: 'REQUIRED' } : field,
    );
  }
}

export const isRequired = ({ mode }: Field): boolean => mode === 'REQUIRED';
export const nameOf = ({ name }: Field): string => name;

function fieldsOf(body: Json): readonly Field[] {
  const schema = body['schema'] as { readonly fields?: readonly Field[] } | undefined;
  return schema?.fields ?? [];
}

const projectPath = (projectId: string): string => `/bigquery/v2/projects/${projectId}`;

const pathOf = ({ projectId, datasetId, tableId }: TableReference): string =>
  `${projectPath(projectId)}/datasets/${datasetId}/tables/${encodeURIComponent(tableId)}`;

function referenceOf(key: string): TableReference {
  const [projectId = '', datasetId = '', tableId = ''] = key.split('.');
  return { projectId, datasetId, tableId };
}
