import type { Column, ColumnType, TableComments } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { TextRow } from './connection.ts';
import { parseMembers } from './member-list.ts';

/** What `columnOf` and `commentsOf` need of information_schema.COLUMNS, under these names. */
export const COLUMN_FIELDS = [
  'TABLE_SCHEMA AS `database`',
  'TABLE_NAME AS `table`',
  'COLUMN_NAME AS name',
  'DATA_TYPE AS type',
  'COLUMN_TYPE AS fullType',
  'IS_NULLABLE AS nullable',
  'CHARACTER_MAXIMUM_LENGTH AS length',
  'NUMERIC_PRECISION AS `precision`',
  'NUMERIC_SCALE AS scale',
  'DATETIME_PRECISION AS fractionDigits',
  'CHARACTER_SET_NAME AS charset',
  'COLUMN_COMMENT AS comment',
  'PRIVILEGES AS `privileges`',
].join(', ');

/** A column as the log's own metadata describes it, from its row in information_schema.COLUMNS. */
export function columnOf(row: TextRow): Column {
  return { name: row['name'] ?? '', type: columnType(row), nullable: row['nullable'] === 'YES' };
}

/** The type as a definition has it, charset included: `varchar(20) charset utf8mb4`. */
export function fullTypeOf(row: TextRow): string {
  const { fullType, charset } = row;
  const named =
    charset === null || charset === undefined ? '' : ` charset ${canonicalCharset(charset)}`;
  return (fullType ?? '') + named;
}

/** @param table  its row in information_schema.TABLES, with `comment` */
export function commentsOf(table: TextRow, columns: readonly TextRow[]): TableComments {
  const { comment = '' } = table;
  const commented = columns.flatMap(({ name, comment: text }) =>
    typeof name === 'string' && typeof text === 'string' && text !== ''
      ? [[name, text] as const]
      : [],
  );
  return {
    ...(comment === null || comment === '' ? {} : { table: comment }),
    columns: Object.fromEntries(commented),
  };
}

function columnType(row: TextRow): ColumnType {
  const fullType = row['fullType'] ?? '';
  const type = row['type'] ?? '';
  switch (type) {
    case 'tinyint':
      return integer(1, fullType);
    case 'smallint':
      return integer(2, fullType);
    case 'mediumint':
      return integer(3, fullType);
    case 'int':
      return integer(4, fullType);
    case 'bigint':
      return integer(8, fullType);
    case 'decimal':
      return { kind: 'decimal', precision: Number(row['precision']), scale: Number(row['scale']) };
    case 'float':
    case 'double':
    case 'year':
    case 'date':
    case 'json':
    case 'vector':
      return { kind: type };
    case 'bit':
      return { kind: 'bit', bits: Number(row['precision']) };
    case 'time':
    case 'datetime':
    case 'timestamp':
      return { kind: type, fractionDigits: Number(row['fractionDigits']) };
    case 'char':
    case 'varchar':
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
      return { kind: 'text', charset: canonicalCharset(row['charset'] ?? '') };
    case 'binary':
      return { kind: 'binary', fixedBytes: Number(row['length']) };
    case 'varbinary':
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
      return { kind: 'binary', fixedBytes: 0 };
    case 'enum':
    case 'set':
      return { kind: type, members: parseMembers(fullType) };
    case 'geometry':
    case 'point':
    case 'linestring':
    case 'polygon':
    case 'multipoint':
    case 'multilinestring':
    case 'multipolygon':
    case 'geomcollection':
    case 'geometrycollection':
      return { kind: 'geometry' };
    default:
      throw new SluiceError(
        'table.unknown-type',
        `Column ${row['name']} of ${row['database']}.${row['table']} has type ${fullType}, which this version does not know. Exclude the table, or upgrade Sluice.`,
      );
  }
}

/** ZEROFILL implies UNSIGNED, and the server prints both. */
function integer(bytes: 1 | 2 | 3 | 4 | 8, fullType: string): ColumnType {
  return { kind: 'integer', bytes, unsigned: /\bunsigned\b/.test(fullType) };
}

/** Servers before 8.0.30 print the old name of utf8mb3. */
function canonicalCharset(charset: string): string {
  return charset === 'utf8' ? 'utf8mb3' : charset;
}
