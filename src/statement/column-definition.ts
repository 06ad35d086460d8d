import { SQL_MODE } from './sql-scanner.ts';
import type { TokenCursor } from './token-cursor.ts';

/** Column types by what they store, whatever synonym was written. */
export type TypeName =
  | 'tinyint'
  | 'smallint'
  | 'mediumint'
  | 'int'
  | 'bigint'
  | 'decimal'
  | 'float'
  | 'double'
  | 'bit'
  | 'year'
  | 'date'
  | 'time'
  | 'datetime'
  | 'timestamp'
  | 'char'
  | 'varchar'
  | 'tinytext'
  | 'text'
  | 'mediumtext'
  | 'longtext'
  | 'binary'
  | 'varbinary'
  | 'tinyblob'
  | 'blob'
  | 'mediumblob'
  | 'longblob'
  | 'enum'
  | 'set'
  | 'json'
  | 'vector'
  | 'geometry'
  | 'point'
  | 'linestring'
  | 'polygon'
  | 'multipoint'
  | 'multilinestring'
  | 'multipolygon'
  | 'geomcollection';

export interface SqlType {
  readonly name: TypeName;
  /** The numbers in parentheses. */
  readonly sizes: readonly number[];
  readonly unsigned: boolean;
  /** Of ENUM and SET. */
  readonly members: readonly string[];
  /** MySQL's name, where the text says one. */
  readonly charset: string | undefined;
}

/** A constant as it was written. */
export interface Literal {
  readonly kind: 'number' | 'string' | 'bits' | 'boolean';
  /** `1` and `0` for TRUE and FALSE. */
  readonly text: string;
}

/** What a statement says of one column. */
export interface ColumnDefinition {
  readonly type: SqlType;
  /** `undefined` when neither NULL nor NOT NULL is written. */
  readonly nullable: boolean | undefined;
  /** `expression` is whatever is neither NULL nor a plain constant. */
  readonly defaultValue: Literal | 'none' | 'null' | 'expression';
  readonly primaryKey: boolean;
  readonly autoIncrement: boolean;
  readonly generated: boolean;
}

const SYNONYMS: ReadonlyMap<string, TypeName> = new Map([
  ['BOOL', 'tinyint'],
  ['BOOLEAN', 'tinyint'],
  ['INT1', 'tinyint'],
  ['INT2', 'smallint'],
  ['INT3', 'mediumint'],
  ['MIDDLEINT', 'mediumint'],
  ['INTEGER', 'int'],
  ['INT4', 'int'],
  ['INT8', 'bigint'],
  ['NUMERIC', 'decimal'],
  ['DEC', 'decimal'],
  ['FIXED', 'decimal'],
  ['FLOAT4', 'float'],
  ['FLOAT8', 'double'],
  ['CHARACTER', 'char'],
  ['VARCHARACTER', 'varchar'],
  ['GEOMETRYCOLLECTION', 'geomcollection'],
  ...(
    [
      ['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'float', 'double', 'bit'],
      ['year', 'date', 'time', 'datetime', 'timestamp', 'char', 'varchar', 'binary', 'varbinary'],
      ['tinytext', 'text', 'mediumtext', 'longtext', 'tinyblob', 'blob', 'mediumblob', 'longblob'],
      ['enum', 'set', 'json', 'vector', 'geometry', 'point', 'linestring', 'polygon'],
      ['multipoint', 'multilinestring', 'multipolygon', 'geomcollection'],
    ] as const
  )
    .flat()
    .map((name) => [name.toUpperCase(), name] as const),
]);

/**
 * Reads the definition of a column behind its name, up to the end of the cursor.
 * `undefined` when any word of it is not known.
 */
export function readColumnDefinition(
  cursor: TokenCursor,
  sqlMode: bigint,
): ColumnDefinition | undefined {
  const written = readType(cursor, sqlMode);
  if (!written) return undefined;
  const attributes = new Attributes(written);
  while (!cursor.atEnd()) if (!attributes.read(cursor)) return undefined;
  return attributes;
}

function readType(cursor: TokenCursor, sqlMode: bigint): SqlType | undefined {
  const national = cursor.takeWords('NATIONAL') || /^N(?:CHAR|VARCHAR)$/.test(cursor.word());
  const name = readTypeName(cursor, sqlMode);
  if (name === undefined) return undefined;
  const isList = name === 'enum' || name === 'set';
  const group = cursor.isSymbol('(') ? cursor.takeGroup() : undefined;
  const members = isList ? readMembers(group) : [];
  const sizes = isList ? [] : readSizes(group);
  if (!members || !sizes) return undefined;
  return {
    name: name === 'float' && sizes.length === 1 && (sizes[0] ?? 0) > 24 ? 'double' : name,
    sizes: name === 'float' && sizes.length === 1 ? [] : sizes,
    unsigned: false,
    members,
    charset: national ? 'utf8mb3' : undefined,
  };
}

function readTypeName(cursor: TokenCursor, sqlMode: bigint): TypeName | undefined {
  const word = cursor.takeWord();
  switch (word) {
    case 'DOUBLE':
      cursor.takeWords('PRECISION');
      return 'double';
    case 'REAL':
      return (sqlMode & SQL_MODE.realAsFloat) === 0n ? 'double' : 'float';
    case 'NVARCHAR':
      return 'varchar';
    case 'NCHAR':
    case 'CHAR':
    case 'CHARACTER':
      return cursor.takeWords('VARYING') ||
        cursor.takeWords('VARCHAR') ||
        cursor.takeWords('VARCHARACTER')
        ? 'varchar'
        : 'char';
    case 'LONG':
      return readLong(cursor);
    default:
      return SYNONYMS.get(word);
  }
}

function readLong(cursor: TokenCursor): TypeName {
  if (cursor.takeWords('VARBINARY')) return 'mediumblob';
  if (!cursor.takeWords('VARCHAR') && !cursor.takeWords('VARCHARACTER'))
    cursor.takeWords('CHAR', 'VARYING');
  return 'mediumtext';
}

function readMembers(group: TokenCursor | undefined): readonly string[] | undefined {
  const members: string[] = [];
  for (const piece of group?.pieces() ?? []) {
    const token = piece.take();
    if (token?.kind !== 'string' || !piece.atEnd()) return undefined;
    members.push(token.text);
  }
  return members;
}

function readSizes(group: TokenCursor | undefined): readonly number[] | undefined {
  const sizes: number[] = [];
  for (const piece of group?.pieces() ?? []) {
    const token = piece.take();
    if (token?.kind !== 'number' || !/^\d+$/.test(token.text) || !piece.atEnd()) return undefined;
    sizes.push(Number(token.text));
  }
  return sizes;
}

/** The charset of a collation, and of a charset's other names. */
function charsetOf(name: string): string {
  const charset = name.toLowerCase().split('_')[0] ?? '';
  return charset === 'utf8' ? 'utf8mb3' : charset;
}

/** Of types that have characters: what they are when their characters are bytes. */
const AS_BYTES: ReadonlyMap<TypeName, TypeName> = new Map([
  ['char', 'binary'],
  ['varchar', 'varbinary'],
  ['tinytext', 'tinyblob'],
  ['text', 'blob'],
  ['mediumtext', 'mediumblob'],
  ['longtext', 'longblob'],
]);

/** The type once its charset is known: with charset `binary`, characters are bytes. */
export function withCharset(type: SqlType, tableDefault: string | undefined): SqlType {
  const isText = AS_BYTES.has(type.name) || type.name === 'enum' || type.name === 'set';
  const charset = isText ? (type.charset ?? tableDefault) : undefined;
  const bytes = charset === 'binary' ? AS_BYTES.get(type.name) : undefined;
  return { ...type, charset, name: bytes ?? type.name };
}

const CURRENT = ['NOW', 'CURRENT_TIMESTAMP', 'LOCALTIME', 'LOCALTIMESTAMP'];

/** What stands behind a column's type, in any order. */
class Attributes implements ColumnDefinition {
  type: SqlType;
  nullable: boolean | undefined;
  defaultValue: ColumnDefinition['defaultValue'] = 'none';
  primaryKey = false;
  autoIncrement = false;
  generated = false;

  constructor(type: SqlType) {
    this.type = type;
  }

  /** Takes one attribute; false when it is none that is known. */
  read(cursor: TokenCursor): boolean {
    switch (cursor.takeWord()) {
      case 'UNSIGNED':
      case 'ZEROFILL':
        this.type = { ...this.type, unsigned: true };
        return true;
      case 'ASCII':
        return this.#charset('latin1');
      case 'UNICODE':
        return this.#charset('ucs2');
      case 'BYTE':
        return this.#charset('binary');
      case 'CHAR':
      case 'CHARACTER':
        return cursor.takeWords('SET') && this.#charset(nameOrText(cursor));
      case 'CHARSET':
        return this.#charset(nameOrText(cursor));
      case 'COLLATE':
        return this.#collation(nameOrText(cursor));
      case 'NULL':
        this.nullable = true;
        return true;
      case 'NOT':
        return this.#not(cursor);
      case 'DEFAULT':
        return this.#default(cursor);
      case 'ON':
        return skipOn(cursor);
      case 'AUTO_INCREMENT':
        this.autoIncrement = true;
        return true;
      case 'UNIQUE':
        cursor.takeWords('KEY');
        return true;
      case 'PRIMARY':
        cursor.takeWords('KEY');
        this.primaryKey = true;
        return true;
      case 'KEY':
        this.primaryKey = true;
        return true;
      case 'GENERATED':
        return cursor.takeWords('ALWAYS');
      case 'AS':
        this.generated = true;
        return cursor.skipGroup();
      case 'COMMENT':
      case 'COLUMN_FORMAT':
      case 'STORAGE':
      case 'SRID':
      case 'ENGINE_ATTRIBUTE':
      case 'SECONDARY_ENGINE_ATTRIBUTE':
        cursor.takeSymbol('=');
        return cursor.take() !== undefined;
      case 'CONSTRAINT':
        return cursor.word() === 'CHECK' || cursor.identifier() !== undefined;
      case 'CHECK':
        return cursor.skipGroup();
      case 'REFERENCES':
        return cursor.table() !== undefined && (cursor.skipGroup() || true);
      case 'MATCH':
        return cursor.take() !== undefined;
      case 'AFTER':
        return cursor.identifier() !== undefined;
      case 'SIGNED':
      case 'BINARY':
      case 'VIRTUAL':
      case 'STORED':
      case 'ENFORCED':
      case 'VISIBLE':
      case 'INVISIBLE':
      case 'FIRST':
        return true;
      default:
        return false;
    }
  }

  #collation(name: string | undefined): boolean {
    return this.type.charset === undefined ? this.#charset(name) : name !== undefined;
  }

  #charset(name: string | undefined): boolean {
    if (name === undefined) return false;
    this.type = { ...this.type, charset: charsetOf(name) };
    return true;
  }

  #not(cursor: TokenCursor): boolean {
    if (cursor.takeWords('SECONDARY') || cursor.takeWords('ENFORCED')) return true;
    this.nullable = false;
    return cursor.takeWords('NULL');
  }

  #default(cursor: TokenCursor): boolean {
    const isFirst = this.defaultValue === 'none';
    const value = readDefault(cursor);
    this.defaultValue = isFirst ? (value ?? 'none') : 'expression';
    return value !== undefined;
  }
}

function nameOrText(cursor: TokenCursor): string | undefined {
  const token = cursor.take();
  return token?.kind === 'word' || token?.kind === 'quoted' || token?.kind === 'string'
    ? token.text
    : undefined;
}

function readDefault(cursor: TokenCursor): ColumnDefinition['defaultValue'] | undefined {
  if (cursor.skipGroup()) return 'expression';
  const sign = cursor.isSymbol('-') || cursor.isSymbol('+') ? cursor.take() : undefined;
  const token = cursor.take();
  switch (token?.kind) {
    case 'number':
      return {
        kind: 'number',
        text: sign?.kind === 'symbol' && sign.text === '-' ? `-${token.text}` : token.text,
      };
    case 'bits':
      return { kind: 'bits', text: token.text };
    case 'string':
      if (cursor.peek()?.kind !== 'string') return { kind: 'string', text: token.text };
      while (cursor.peek()?.kind === 'string') cursor.take();
      return 'expression';
    case 'other':
      return 'expression';
    case 'word':
      return readDefaultWord(token.upper, cursor);
    case 'quoted':
    case 'symbol':
    case undefined:
      return undefined;
  }
}

function readDefaultWord(
  word: string,
  cursor: TokenCursor,
): ColumnDefinition['defaultValue'] | undefined {
  if (word === 'NULL') return 'null';
  if (word === 'TRUE' || word === 'FALSE')
    return { kind: 'boolean', text: word === 'TRUE' ? '1' : '0' };
  if (CURRENT.includes(word)) {
    cursor.skipGroup();
    return 'expression';
  }
  const isMarked = word.startsWith('_') || ['DATE', 'TIME', 'TIMESTAMP'].includes(word);
  if (!isMarked) return undefined;
  return cursor.take() === undefined ? undefined : 'expression';
}

/** `ON UPDATE CURRENT_TIMESTAMP`, or what a reference does. */
function skipOn(cursor: TokenCursor): boolean {
  if (!cursor.takeWords('UPDATE') && !cursor.takeWords('DELETE')) return false;
  const word = cursor.takeWord();
  if (word === 'SET') return cursor.takeWords('NULL') || cursor.takeWords('DEFAULT');
  if (word === 'NO') return cursor.takeWords('ACTION');
  if (word === 'RESTRICT' || word === 'CASCADE') return true;
  if (CURRENT.includes(word)) cursor.skipGroup();
  return CURRENT.includes(word);
}
