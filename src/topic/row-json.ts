import type { ColumnValue, RowValues } from '../change/column-value.ts';
import type { Column, TableSchema } from '../change/table.ts';
import { InvariantBroken } from '../errors/error.ts';

/** What of a schema goes into every row of it. */
interface RowTemplate {
  /** `"name":` per column. */
  readonly names: readonly string[];
  /** Whether the column's texts need no escaping, whatever they hold. */
  readonly plain: readonly boolean[];
  readonly key: readonly number[];
}

const templates = new WeakMap<TableSchema, RowTemplate>();
let latestSchema: TableSchema | undefined;
let latestTemplate: RowTemplate = { names: [], plain: [], key: [] };

function templateOf(schema: TableSchema): RowTemplate {
  if (schema === latestSchema) return latestTemplate;
  let template = templates.get(schema);
  if (!template) {
    template = {
      names: schema.columns.map(({ name }) => `${JSON.stringify(name)}:`),
      plain: schema.columns.map(isPlain),
      key: schema.key,
    };
    templates.set(schema, template);
  }
  latestSchema = schema;
  latestTemplate = template;
  return template;
}

/** Types whose text form is made of digits, punctuation or base64 only. */
function isPlain({ type }: Column): boolean {
  switch (type.kind) {
    case 'text':
    case 'enum':
    case 'set':
    case 'json':
      return false;
    default:
      return true;
  }
}

/** The row as a JSON object in column order, a function of schema and values alone. Absent columns are left out. */
export function encodeRow(schema: TableSchema, values: RowValues): string {
  const { names, plain } = templateOf(schema);
  let text = '{';
  for (let index = 0; index < names.length; index++) {
    const value = values[index];
    if (value === undefined) continue;
    if (text.length > 1) text += ',';
    text += names[index] + encodeValue(value, plain[index] === true);
  }
  return `${text}}`;
}

/** The record key, the key columns in key order as a JSON object; null for a table without a key. */
export function encodeKey(schema: TableSchema, values: RowValues): string | null {
  const { names, plain, key } = templateOf(schema);
  if (key.length === 0) return null;
  let text = '{';
  for (const index of key) {
    const value = values[index];
    if (value === undefined) {
      throw new InvariantBroken(`row of ${schema.id.database}.${schema.id.table} lacks a key column`);
    }
    if (text.length > 1) text += ',';
    text += names[index] + encodeValue(value, plain[index] === true);
  }
  return `${text}}`;
}

function encodeValue(value: Exclude<ColumnValue, undefined>, plain: boolean): string {
  switch (typeof value) {
    case 'string':
      return plain ? `"${value}"` : quote(value);
    case 'number':
      return encodeNumber(value);
    case 'bigint':
    case 'boolean':
      return String(value);
    default:
      if (value === null) return 'null';
      return 'wkb' in value
        ? `{"srid":${value.srid},"wkb":"${value.wkb}"}`
        : `[${value.map(encodeNumber).join(',')}]`;
  }
}

/** Negative zero keeps its sign: `-0` is what JSON.parse reads back as −0. */
function encodeNumber(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (!Number.isFinite(value)) throw new InvariantBroken('a column value is not a finite number');
  return String(value);
}

const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/;

function quote(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}
