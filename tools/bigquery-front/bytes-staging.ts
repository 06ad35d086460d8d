import { randomUUID } from 'node:crypto';
import type { Emulator } from './emulator.ts';
import type { TableReference } from './job.ts';
import type { Field } from './table-schemas.ts';

const isBytes = (field: Field): boolean =>
  field.type === 'BYTES' || (field.fields ?? []).some(isBytes);

/** Whether a load has BYTES to decode: the emulator stores the base64 text of the file as they are. */
export const hasBytes = (fields: readonly Field[]): boolean => fields.some(isBytes);

/** A table like the one that is loaded, with a STRING for each BYTES, for one load. */
export class BytesStaging {
  readonly reference: TableReference;
  readonly #emulator: Emulator;
  readonly #project: string;
  readonly #target: TableReference;
  readonly #fields: readonly Field[];

  constructor(emulator: Emulator, target: TableReference, fields: readonly Field[]) {
    this.#emulator = emulator;
    this.#target = target;
    this.#fields = fields;
    this.#project = `/bigquery/v2/projects/${target.projectId}`;
    this.reference = { ...target, tableId: `front_${randomUUID().replaceAll('-', '_')}` };
  }

  async make(): Promise<void> {
    const columns = this.#columns((field, path) =>
      field.type === 'BYTES' ? 'CAST(NULL AS STRING)' : path,
    );
    await this.#run(
      `CREATE TABLE ${named(this.reference)} AS SELECT ${columns} FROM ${named(this.#target)} AS t LIMIT 0`,
    );
  }

  /** All rows at once, as a load does. */
  async decode(): Promise<void> {
    const names = this.#fields.map(({ name }) => `\`${name}\``).join(', ');
    const columns = this.#columns((field, path) =>
      field.type === 'BYTES' ? `FROM_BASE64(${path})` : path,
    );
    await this.#run(
      `INSERT INTO ${named(this.#target)} (${names}) SELECT ${columns} FROM ${named(this.reference)} AS t`,
    );
  }

  async drop(): Promise<void> {
    await this.#run(`DROP TABLE IF EXISTS ${named(this.reference)}`);
  }

  #columns(leaf: (field: Field, path: string) => string): string {
    return this.#fields
      .map((field) => `${valueOf(field, `t.\`${field.name}\``, leaf)} AS \`${field.name}\``)
      .join(', ');
  }

  #run(sql: string): Promise<void> {
    return this.#emulator.run(this.#project, sql);
  }
}

function valueOf(field: Field, path: string, leaf: (field: Field, path: string) => string): string {
  if (!isBytes(field)) return path;
  if (field.mode === 'REPEATED') throw new Error(`BYTES within ARRAY ${path} are not emulated`);
  if (!field.fields) return leaf(field, path);
  const members = field.fields.map(
    (member) => `${valueOf(member, `${path}.\`${member.name}\``, leaf)} AS \`${member.name}\``,
  );
  return `IF(${path} IS NULL, NULL, STRUCT(${members.join(', ')}))`;
}

const named = ({ projectId, datasetId, tableId }: TableReference): string =>
  [projectId, datasetId, tableId].map((part) => `\`${part}\``).join('.');
