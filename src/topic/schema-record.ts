import { createHash } from 'node:crypto';
import { unreachable } from '../change/brand.ts';
import type { Column, ColumnType, SchemaId, TableSchema } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';

/**
 * The schema as JSON with its members in a fixed order, so that equal schemas are equal texts
 * whichever way they were learnt. The value of a record of the schemas topic.
 */
export function canonicalSchema(schema: TableSchema): string {
  return JSON.stringify({
    v: 1,
    database: schema.id.database,
    table: schema.id.table,
    columns: schema.columns.map(({ name, type, nullable }) => ({
      name,
      type: canonicalType(type),
      nullable,
    })),
    key: schema.key,
  });
}

/** The first 16 hex digits of SHA-256 over {@link canonicalSchema}. */
export function schemaIdOf(schema: TableSchema): SchemaId {
  return createHash('sha256')
    .update(canonicalSchema(schema))
    .digest('hex')
    .slice(0, 16) as SchemaId;
}

function canonicalType(type: ColumnType): ColumnType {
  const { kind } = type;
  switch (kind) {
    case 'integer':
      return { kind, bytes: type.bytes, unsigned: type.unsigned };
    case 'decimal':
      return { kind, precision: type.precision, scale: type.scale };
    case 'bit':
      return { kind, bits: type.bits };
    case 'time':
    case 'datetime':
    case 'timestamp':
      return { kind, fractionDigits: type.fractionDigits };
    case 'text':
      return { kind, charset: type.charset };
    case 'binary':
      return { kind, fixedBytes: type.fixedBytes };
    case 'enum':
    case 'set':
      return { kind, members: type.members };
    case 'float':
    case 'double':
    case 'year':
    case 'date':
    case 'json':
    case 'geometry':
    case 'vector':
      return { kind };
    default:
      return unreachable(kind);
  }
}

/**
 * Reads what {@link canonicalSchema} wrote.
 * @throws {SluiceError} `kafka.record-unreadable`
 */
export function parseSchemaRecord(text: string): TableSchema {
  try {
    const record = objectOf(JSON.parse(text));
    if (record['v'] !== 1) throw new Error(`schema record version ${String(record['v'])}`);
    const columns = arrayOf(record['columns']).map(parseColumn);
    return {
      id: { database: textOf(record['database']), table: textOf(record['table']) },
      columns,
      key: arrayOf(record['key']).map((index) => indexOf(index, columns.length)),
    };
  } catch (cause) {
    throw new SluiceError(
      'kafka.record-unreadable',
      'A record of the schemas topic is not one that this version of Sluice wrote.',
      { cause },
    );
  }
}

function parseColumn(value: unknown): Column {
  const { name, type, nullable } = objectOf(value);
  if (typeof nullable !== 'boolean') throw new Error('a column without nullable');
  return { name: textOf(name), type: parseType(objectOf(type)), nullable };
}

function parseType(type: Record<string, unknown>): ColumnType {
  const kind = type['kind'] as ColumnType['kind'];
  switch (kind) {
    case 'integer':
      return { kind, bytes: integerBytes(type['bytes']), unsigned: type['unsigned'] === true };
    case 'decimal':
      return { kind, precision: countOf(type['precision']), scale: countOf(type['scale']) };
    case 'bit':
      return { kind, bits: countOf(type['bits']) };
    case 'time':
    case 'datetime':
    case 'timestamp':
      return { kind, fractionDigits: countOf(type['fractionDigits']) };
    case 'text':
      return { kind, charset: textOf(type['charset']) };
    case 'binary':
      return { kind, fixedBytes: countOf(type['fixedBytes']) };
    case 'enum':
    case 'set':
      return { kind, members: arrayOf(type['members']).map(textOf) };
    case 'float':
    case 'double':
    case 'year':
    case 'date':
    case 'json':
    case 'geometry':
    case 'vector':
      return { kind };
    default:
      throw new Error(`column type ${String(kind)}`);
  }
}

function integerBytes(value: unknown): 1 | 2 | 3 | 4 | 8 {
  if (value === 1 || value === 2 || value === 3 || value === 4 || value === 8) return value;
  throw new Error(`integer of ${String(value)} bytes`);
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new Error('not an object');
}

function arrayOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error('not an array');
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Error('not a text');
}

function countOf(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error('not a count');
}

function indexOf(value: unknown, length: number): number {
  const index = countOf(value);
  if (index >= length) throw new Error('a key column that does not exist');
  return index;
}
