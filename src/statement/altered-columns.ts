import {
  type ColumnDefinition,
  readColumnDefinition,
  type SqlType,
  withCharset,
} from './column-definition.ts';
import { constantText } from './constant-default.ts';
import { keepsValues } from './kept-values.ts';
import { SQL_MODE, SqlScanner } from './sql-scanner.ts';
import type { KnownColumn, KnownDefinition } from './table-effects.ts';
import { skipOptions } from './table-option.ts';
import { TokenCursor } from './token-cursor.ts';

/** What the meaning of a column's definition depends on. */
export interface AlterContext {
  readonly sqlMode: bigint;
  /** `undefined` when the event does not say. */
  readonly explicitDefaultsForTimestamp: boolean | undefined;
}

/**
 * What the actions of one ALTER TABLE do to columns, collected one after another. All names are
 * those before the statement.
 */
export class AlteredColumns {
  readonly #context: AlterContext;
  readonly #known: KnownDefinition | undefined;
  readonly #charset: 'kept' | 'changed';
  readonly changes = {
    closed: [] as string[],
    renamed: [] as { readonly from: string; readonly to: string }[],
    defaults: [] as { readonly name: string; readonly value: string }[],
  };
  /** Why stored values may be other ones than before. */
  readonly whys: string[] = [];
  isKeyChanged = false;

  /** @param charset  whether the statement gives the table another charset */
  constructor(
    context: AlterContext,
    known: KnownDefinition | undefined,
    charset: 'kept' | 'changed',
  ) {
    this.#context = context;
    this.#known = known;
    this.#charset = charset;
  }

  /** `name definition`; answers whether the definition is known through and through. */
  add(piece: TokenCursor, mayExist: boolean): boolean {
    const name = piece.identifier();
    if (name === undefined) return false;
    if (mayExist && this.#column(name)) {
      skipOptions(piece);
      return true;
    }
    const definition = this.#definition(piece);
    if (!definition) return false;
    if (definition.primaryKey) this.isKeyChanged = true;
    this.#fill(name, definition, mayExist && !this.#known);
    return true;
  }

  /** What stored rows have in a new column. */
  #fill(name: string, definition: ColumnDefinition, mayExist: boolean): void {
    const { defaultValue, type } = definition;
    const isFilled =
      definition.generated ||
      definition.autoIncrement ||
      definition.primaryKey ||
      this.#refusesNull(definition);
    const isConstant = typeof defaultValue === 'object';
    if (!isFilled && (defaultValue === 'none' || defaultValue === 'null')) return;
    const isUnsure = definition.generated || definition.autoIncrement || mayExist;
    const value =
      isConstant && !isUnsure
        ? constantText(withCharset(type, this.#defaultCharset), defaultValue)
        : undefined;
    if (value === undefined)
      this.whys.push(`column ${name} has values that the statement does not tell`);
    else this.changes.defaults.push({ name, value });
  }

  get #defaultCharset(): string | undefined {
    return this.#charset === 'kept' ? this.#known?.defaultCharset : undefined;
  }

  get #defaultsAreExplicit(): boolean {
    return this.#context.explicitDefaultsForTimestamp === true;
  }

  /** `name` */
  drop(piece: TokenCursor, mayLack: boolean): boolean {
    const name = piece.identifier();
    piece.skipWords('RESTRICT', 'CASCADE');
    if (name === undefined) return false;
    const column = this.#column(name);
    if (mayLack && this.#known && !column) return true;
    this.changes.closed.push(column?.name ?? name);
    if (!column || this.#isInKey(column)) this.isKeyChanged = true;
    return true;
  }

  rename(from: string, to: string): void {
    const column = this.#column(from);
    const spelled = column?.name ?? from;
    if (spelled === to) return;
    this.changes.renamed.push({ from: spelled, to });
    if (!column || this.#isInKey(column)) this.isKeyChanged = true;
  }

  /** `[COLUMN] name [new name] definition` */
  change(piece: TokenCursor, renames: boolean): boolean {
    piece.takeWords('COLUMN');
    const mayLack = piece.takeWords('IF', 'EXISTS');
    const from = piece.identifier();
    const to = renames ? piece.identifier() : from;
    if (from === undefined || to === undefined) return false;
    const column = this.#column(from);
    if (mayLack && this.#known && !column) {
      skipOptions(piece);
      return true;
    }
    const definition = this.#definition(piece);
    if (renames) this.rename(from, to);
    if (definition?.primaryKey && !(column && this.#isInKey(column))) this.isKeyChanged = true;
    if (definition && column && this.#keeps(column, definition)) return true;
    this.whys.push(`column ${from} was defined anew`);
    if (!column || this.#isInKey(column)) this.isKeyChanged = true;
    return true;
  }

  /** Whether every stored value is the same under the new definition. */
  #keeps(column: KnownColumn, definition: ColumnDefinition): boolean {
    const { sqlMode } = this.#context;
    const from = storedType(column);
    const to = withCharset(definition.type, this.#defaultCharset);
    const isGenerated = definition.generated || this.#known?.columns.some(isComputed);
    const isNumbered = definition.autoIncrement && !/\bauto_increment\b/i.test(column.extra ?? '');
    if (!from || isGenerated === true || isNumbered) return false;
    const losesNull = column.nullable && this.#refusesNull(definition);
    if (losesNull && !isStrict(sqlMode)) return false;
    return keepsValues(from, to, (sqlMode & SQL_MODE.padCharToFullLength) !== 0n);
  }

  /** A TIMESTAMP of which nothing is said is NOT NULL by the rules of old. */
  #refusesNull({ type, nullable }: ColumnDefinition): boolean {
    const isImplicit = type.name === 'timestamp' && !this.#defaultsAreExplicit;
    return nullable === false || (nullable === undefined && isImplicit);
  }

  /** Reads a definition up to where the table's partitioning may begin. */
  #definition(piece: TokenCursor): ColumnDefinition | undefined {
    const tokens = skipOptions(piece);
    const mentionsKey = tokens.mentions('KEY');
    const definition = readColumnDefinition(tokens, this.#context.sqlMode);
    if (!definition && mentionsKey) this.isKeyChanged = true;
    return definition;
  }

  #column(name: string): KnownColumn | undefined {
    const folded = name.toLowerCase();
    return this.#known?.columns.find((column) => column.name.toLowerCase() === folded);
  }

  #isInKey({ name }: KnownColumn): boolean {
    return this.#known?.key.includes(name) ?? true;
  }
}

/** Its values follow those of others, by rules that may change with them. */
function isComputed({ extra = '' }: KnownColumn): boolean {
  return /\b(?:VIRTUAL|STORED) GENERATED\b/i.test(extra);
}

/** In strict mode the server refuses to turn a NULL into something else. */
function isStrict(sqlMode: bigint): boolean {
  return (sqlMode & (SQL_MODE.strictTransTables | SQL_MODE.strictAllTables)) !== 0n;
}

/** The type of a column as the server describes it, which is SQL again. */
function storedType({ fullType }: KnownColumn): SqlType | undefined {
  if (fullType === undefined) return undefined;
  const scanner = new SqlScanner(fullType, { sqlMode: 0n, withoutNewer: false });
  const cursor = new TokenCursor(scanner, { database: '', lowerCaseNames: false });
  const definition = readColumnDefinition(cursor, 0n);
  return definition && withCharset(definition.type, undefined);
}
