import type { Refusal } from './answer.ts';
import { type Ddl, ddlOf, listed, partsOf, statementsOf } from './statements.ts';
import type { Field } from './table-schemas.ts';

interface Layout {
  readonly clustering: readonly string[];
  readonly isPartitioned: boolean;
  /** Of the key that is declared. */
  readonly key: readonly string[];
}

const PLAIN: Layout = { clustering: [], isPartitioned: false, key: [] };

/** https://cloud.google.com/bigquery/docs/creating-clustered-tables#limitations */
const MAX_COLUMNS = 4;
const CLUSTERABLE = new Set([
  ...['INTEGER', 'INT64', 'NUMERIC', 'BIGNUMERIC', 'STRING', 'BOOLEAN', 'BOOL'],
  ...['DATE', 'DATETIME', 'TIMESTAMP', 'GEOGRAPHY', 'RANGE'],
]);

/** How tables are partitioned and clustered, and their declared keys, which the emulator forgets. */
export class TableLayouts {
  readonly #tables = new Map<string, Layout>();

  /** @param key  `project.dataset.table` */
  clustering(key: string): readonly string[] {
    return (this.#tables.get(key) ?? PLAIN).clustering;
  }

  /** The primary key that is declared; without columns when none is. */
  key(key: string): readonly string[] {
    return (this.#tables.get(key) ?? PLAIN).key;
  }

  isPartitioned = (key: string): boolean => (this.#tables.get(key) ?? PLAIN).isPartitioned;

  /** Whether a script declares a second key of a table. */
  refusedKeys(sql: string): Refusal | undefined {
    const keys = new Map<string, readonly string[]>();
    for (const statement of statementsOf(sql)) {
      const ddl = ddlOf(statement);
      const change = ddl && keyChange(ddl);
      if (!ddl || !change) continue;
      const table = ddl.name.join('.');
      const known = keys.get(table) ?? this.key(table);
      if (ddl.verb === 'ALTER' && change.length > 0 && known.length > 0)
        return { reason: 'invalidQuery', message: `Already Exists: primary key of table ${table}` };
      keys.set(table, change);
    }
    return undefined;
  }

  /** To be called when a script was carried out. */
  learn(sql: string): void {
    for (const statement of statementsOf(sql)) {
      const ddl = ddlOf(statement);
      if (ddl?.object === 'TABLE') this.#learn(ddl);
    }
  }

  /** `undefined` when the table is clustered so from now on. */
  change(key: string, columns: readonly string[], fields: readonly Field[]): Refusal | undefined {
    if (columns.length > MAX_COLUMNS)
      return invalid(`Too many clustering fields: ${columns.length}, at most ${MAX_COLUMNS}.`);
    const types = new Map(fields.map(({ name, type }) => [name.toLowerCase(), type]));
    for (const column of columns) {
      const type = types.get(column.toLowerCase());
      if (type === undefined)
        return invalid(
          `The field specified for clustering cannot be found in the schema: ${column}.`,
        );
      if (!CLUSTERABLE.has(type))
        return invalid(`Entity of type ${type} cannot be used for clustering: ${column}.`);
    }
    this.#tables.set(key, { ...(this.#tables.get(key) ?? PLAIN), clustering: columns });
    return undefined;
  }

  #learn(ddl: Ddl): void {
    const { verb, name, replaces, rest } = ddl;
    const key = name.join('.');
    if (verb === 'CREATE' && (replaces || !this.#tables.has(key)))
      this.#tables.set(key, {
        clustering: listed(/ CLUSTER BY (.*?)(?: OPTIONS |$)/s.exec(rest)?.[1] ?? '').flatMap(
          partsOf,
        ),
        isPartitioned: rest.includes(' PARTITION BY '),
        key: keyChange(ddl) ?? [],
      });
    const declared = verb === 'ALTER' ? keyChange(ddl) : undefined;
    if (declared) this.#tables.set(key, { ...(this.#tables.get(key) ?? PLAIN), key: declared });
    const renamed = verb === 'ALTER' ? /^RENAME TO (\S+)$/i.exec(rest)?.[1] : undefined;
    if (verb !== 'DROP' && renamed === undefined) return;
    const layout = this.#tables.get(key);
    this.#tables.delete(key);
    if (layout && renamed !== undefined)
      this.#tables.set([...name.slice(0, -1), ...partsOf(renamed)].join('.'), layout);
  }
}

/** The key that a statement declares, none when it drops one; `undefined` when it does neither. */
function keyChange({ verb, rest }: Ddl): readonly string[] | undefined {
  if (verb === 'ALTER' && /^DROP PRIMARY KEY/i.test(rest)) return [];
  const declared = /\bPRIMARY KEY \((.*?)\) NOT ENFORCED/is.exec(rest)?.[1];
  return declared === undefined ? undefined : listed(declared).flatMap(partsOf);
}

const invalid = (message: string): Refusal => ({ reason: 'invalid', message });
