import type { Refusal } from './answer.ts';
import { type Ddl, ddlOf, listed, partsOf, statementsOf } from './statements.ts';
import type { Field } from './table-schemas.ts';

interface Layout {
  readonly clustering: readonly string[];
  readonly isPartitioned: boolean;
}

const PLAIN: Layout = { clustering: [], isPartitioned: false };

/** https://cloud.google.com/bigquery/docs/creating-clustered-tables#limitations */
const MAX_COLUMNS = 4;
const CLUSTERABLE = new Set([
  ...['INTEGER', 'INT64', 'NUMERIC', 'BIGNUMERIC', 'STRING', 'BOOLEAN', 'BOOL'],
  ...['DATE', 'DATETIME', 'TIMESTAMP', 'GEOGRAPHY', 'RANGE'],
]);

/** How tables are partitioned and clustered, which the emulator forgets. */
export class TableLayouts {
  readonly #tables = new Map<string, Layout>();

  /** @param key  `project.dataset.table` */
  clustering(key: string): readonly string[] {
    return (this.#tables.get(key) ?? PLAIN).clustering;
  }

  isPartitioned = (key: string): boolean => (this.#tables.get(key) ?? PLAIN).isPartitioned;

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

  #learn({ verb, name, replaces, rest }: Ddl): void {
    const key = name.join('.');
    if (verb === 'CREATE' && (replaces || !this.#tables.has(key)))
      this.#tables.set(key, {
        clustering: listed(/ CLUSTER BY (.*?)(?: OPTIONS |$)/s.exec(rest)?.[1] ?? '').flatMap(
          partsOf,
        ),
        isPartitioned: / PARTITION BY /.test(rest),
      });
    const renamed = verb === 'ALTER' ? /^RENAME TO (\S+)$/i.exec(rest)?.[1] : undefined;
    if (verb !== 'DROP' && renamed === undefined) return;
    const layout = this.#tables.get(key);
    this.#tables.delete(key);
    if (layout && renamed !== undefined)
      this.#tables.set([...name.slice(0, -1), ...partsOf(renamed)].join('.'), layout);
  }
}

const invalid = (message: string): Refusal => ({ reason: 'invalid', message });
