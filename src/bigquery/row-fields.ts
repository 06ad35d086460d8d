import { InvariantBroken } from '../errors/error.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { physicalColumns } from '../view/table-form.ts';
import type { StoredType } from './column-type.ts';
import { ProtoWriter } from './proto-writer.ts';
import { unquoted } from './row-values.ts';
import { CHANGES_META } from './table-plan.ts';

/** A column as a field of the message that carries a row to a stream. */
export interface RowField {
  readonly name: string;
  readonly number: number;
  /** @param written  the value as a load file has it, never `null` */
  readonly write: (out: ProtoWriter, written: string) => void;
  readonly kind: ProtoKind;
}

/** Numbers of protobuf's types, of `FieldDescriptorProto.Type`. */
const DOUBLE = 1;
const INT64 = 3;
const INT32 = 5;
const BOOL = 8;
const STRING = 9;
const MESSAGE = 11;
const BYTES = 12;

const OPTIONAL = 1;
const REPEATED = 3;

interface ProtoKind {
  readonly type: number;
  readonly label?: number;
  /** Name of the nested message. */
  readonly message?: string;
}

type WriteField = (out: ProtoWriter, field: number, written: string) => void;

const asText: WriteField = (out, field, written) => out.text(field, unquoted(written));

const DAY_MS = 86_400_000;

/**
 * What the Storage Write API takes for each type. Digits of decimals and civil times go as text,
 * which it reads exactly.
 */
const FORMS: Readonly<Record<StoredType, ProtoKind & { readonly write: WriteField }>> = {
  INT64: {
    type: INT64,
    write: (out, field, written) => out.int64(field, BigInt(unquoted(written))),
  },
  NUMERIC: { type: STRING, write: asText },
  BIGNUMERIC: { type: STRING, write: asText },
  FLOAT64: {
    type: DOUBLE,
    write: (out, field, written) => out.double(field, Number(unquoted(written))),
  },
  BOOL: { type: BOOL, write: (out, field, written) => out.uint(field, written === 'true' ? 1 : 0) },
  BYTES: {
    type: BYTES,
    write: (out, field, written) => out.bytes(field, Buffer.from(unquoted(written), 'base64')),
  },
  STRING: { type: STRING, write: asText },
  DATE: {
    type: INT32,
    write: (out, field, written) =>
      out.int64(field, BigInt(Date.parse(`${unquoted(written)}T00:00:00Z`) / DAY_MS)),
  },
  TIME: { type: STRING, write: asText },
  DATETIME: { type: STRING, write: asText },
  TIMESTAMP: {
    type: INT64,
    write: (out, field, written) => out.int64(field, microsOf(unquoted(written))),
  },
  JSON: { type: STRING, write: (out, field, written) => out.text(field, written) },
  'STRUCT<srid INT64, wkb BYTES>': { type: MESSAGE, message: 'Geometry', write: writeGeometry },
  'ARRAY<FLOAT64>': {
    type: DOUBLE,
    label: REPEATED,
    write: (out, field, written) => {
      for (const element of JSON.parse(written) as readonly number[]) out.double(field, element);
    },
  },
};

/** `2026-11-23T05:00:00.123456Z`, with at most six digits behind the point, in microseconds since 1970. */
function microsOf(text: string): bigint {
  const [, seconds = '', fraction = ''] = /^([^.]*?)(?:\.(\d{1,6}))?Z$/.exec(text) ?? [];
  const ms = Date.parse(`${seconds}Z`);
  if (Number.isNaN(ms)) throw new InvariantBroken('a TIMESTAMP of a row is not one in UTC');
  return BigInt(ms) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

interface Geometry {
  readonly srid?: number | null;
  readonly wkb?: string | null;
}

function writeGeometry(out: ProtoWriter, field: number, written: string): void {
  const { srid, wkb } = JSON.parse(written) as Geometry;
  const message = new ProtoWriter();
  if (typeof srid === 'number') message.int64(1, BigInt(srid));
  if (typeof wkb === 'string') message.bytes(2, Buffer.from(wkb, 'base64'));
  out.bytes(field, message.take());
}

/** The columns of a table's changelog, those of older forms too, for which rows may still come. */
export function rowFields(
  table: Pick<StoredTable, 'columns' | 'closed' | 'earlierForms'>,
): readonly RowField[] {
  return [...physicalColumns(table), ...CHANGES_META].map(({ name, type }, index) => {
    const form = FORMS[type as StoredType] as (typeof FORMS)[StoredType] | undefined;
    if (!form) throw new InvariantBroken(`column ${name} is of type ${type}, which is not written`);
    const { write, ...kind } = form;
    const number = index + 1;
    return { name, number, kind, write: (out, value) => write(out, number, value) };
  });
}

/** The `DescriptorProto` by which a stream reads the rows; it stands by itself, as the API wants it. */
export function rowDescriptor(fields: readonly RowField[]): Buffer {
  const out = new ProtoWriter();
  const descriptor = new ProtoWriter().text(1, 'Row');
  for (const { name, number, kind } of fields)
    descriptor.bytes(2, fieldDescriptor(out, name, number, kind));
  if (fields.some(({ kind }) => kind.message !== undefined)) {
    const geometry = new ProtoWriter()
      .text(1, 'Geometry')
      .bytes(2, fieldDescriptor(out, 'srid', 1, { type: INT64 }))
      .bytes(2, fieldDescriptor(out, 'wkb', 2, { type: BYTES }));
    descriptor.bytes(3, geometry.take());
  }
  return descriptor.take();
}

function fieldDescriptor(
  out: ProtoWriter,
  name: string,
  number: number,
  { type, label = OPTIONAL, message }: ProtoKind,
): Buffer {
  out.text(1, name).uint(3, number).uint(4, label).uint(5, type);
  if (message !== undefined) out.text(6, message);
  return out.take();
}
