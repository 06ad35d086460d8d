import type { ColumnValue, RowValues } from '../../src/change/column-value.ts';
import type { Column, TableSchema } from '../../src/change/table.ts';
import { InvariantBroken } from '../../src/errors/error.ts';

/** What of a schema goes into every row of it, in as few pieces as can be: joining them is the cost of a row. */
interface RowTemplate {
  /** Per column and {@link Before} state, the text before a value; with the quote that a text value needs and without. */
  readonly plain: readonly (readonly string[])[];
  readonly quoted: readonly (readonly string[])[];
  /** Per column, whether its texts need no escaping, whatever they hold. */
  readonly unescaped: readonly boolean[];
  readonly key: readonly number[];
}

/** What precedes a column in the object: nothing, a finished value, or a text whose quote is still open. */
const Before = { nothing: 0, value: 1, text: 2 } as const;
type Before = (typeof Before)[keyof typeof Before];
const SEPARATORS = ['{', ',', '",'];
const ENDS = ['{}', '}', '"}'];

const templates = new WeakMap<TableSchema, RowTemplate>();
let latestSchema: TableSchema | undefined;
let latestTemplate: RowTemplate = { plain: [], quoted: [], unescaped: [], key: [] };

function templateOf(schema: TableSchema): RowTemplate {
  if (schema === latestSchema) return latestTemplate;
  let template = templates.get(schema);
  if (!template) {
    const names = schema.columns.map(({ name }) => `${JSON.stringify(name)}:`);
    template = {
      plain: names.map((name) => SEPARATORS.map((separator) => separator + name)),
      quoted: names.map((name) => SEPARATORS.map((separator) => `${separator}${name}"`)),
      unescaped: schema.columns.map(isUnescaped),
      key: schema.key,
    };
    templates.set(schema, template);
  }
  latestSchema = schema;
  latestTemplate = template;
  return template;
}

/** Types whose text form is made of digits, punctuation or base64 only. */
function isUnescaped({ type }: Column): boolean {
  return !(
    type.kind === 'text' ||
    type.kind === 'enum' ||
    type.kind === 'set' ||
    type.kind === 'json'
  );
}

/** The row as a JSON object in column order, a function of schema and values alone. Absent columns are left out. */
export function encodeRow(schema: TableSchema, values: RowValues): string {
  const template = templateOf(schema);
  const columns = template.plain.length;
  let text = '';
  let before: Before = Before.nothing;
  for (let index = 0; index < columns; index++) {
    const value = values[index];
    if (value === undefined) continue;
    if (typeof value === 'string' && isVerbatim(template, index, value)) {
      text += textBefore(template.quoted, index, before) + value;
      before = Before.text;
    } else {
      text += textBefore(template.plain, index, before) + encodeValue(value);
      before = Before.value;
    }
  }
  return text + (ENDS[before] ?? '');
}

/** The record key, the key columns in key order as a JSON object; null for a table without a key. */
export function encodeKey(schema: TableSchema, values: RowValues): string | null {
  const template = templateOf(schema);
  if (template.key.length === 0) return null;
  let text = '';
  let before: Before = Before.nothing;
  for (const index of template.key) {
    const value = values[index];
    if (value === undefined) {
      const { database, table } = schema.id;
      throw new InvariantBroken(`row of ${database}.${table} lacks a key column`);
    }
    text += textBefore(template.plain, index, before) + encodeValue(value);
    before = Before.value;
  }
  return text + (ENDS[before] ?? '');
}

function textBefore(texts: readonly (readonly string[])[], index: number, before: Before): string {
  return texts[index]?.[before] ?? '';
}

// What JSON has to escape, and what may be half a surrogate pair.
const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/;

function isVerbatim({ unescaped }: RowTemplate, index: number, text: string): boolean {
  return unescaped[index] === true || !NEEDS_ESCAPE.test(text);
}

function encodeValue(value: Exclude<ColumnValue, undefined>): string {
  if (typeof value === 'number') return encodeNumber(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null) return 'null';
  if (typeof value !== 'object') return String(value);
  return 'wkb' in value
    ? `{"srid":${value.srid},"wkb":"${value.wkb}"}`
    : `[${value.map(encodeNumber).join(',')}]`;
}

/** Negative zero keeps its sign: `-0` is what JSON.parse reads back as −0. */
function encodeNumber(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (!Number.isFinite(value)) throw new InvariantBroken('a column value is not a finite number');
  return String(value);
}
