import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bigQueryLayout, sourceName as bigQuerySource } from '../../src/bigquery/names.ts';
import { bigQueryRules } from '../../src/bigquery/table-plan.ts';
import type { Sequence } from '../../src/change/sequence.ts';
import { type TableId, tableName } from '../../src/change/table.ts';
import { sourceName as duckdbSource } from '../../src/duckdb/names.ts';
import { DUCKDB_RULES } from '../../src/duckdb/table-plan.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { type EvolutionRules, follow } from '../../src/view/evolve-table.ts';
import { KnownTables } from '../../src/view/known-tables.ts';
import { namesOf } from '../../src/view/naming-rules.ts';
import { shownAs } from '../../src/view/relation-names.ts';
import type { StoredTable } from '../../src/view/stored-table.ts';
import { cutAt, integer, seqAt } from '../duckdb/warehouse.ts';

const byDatabase = { dataset: '{database}', table: '{table}' };
const bigQuery = (templates = byDatabase): EvolutionRules =>
  bigQueryRules(bigQueryLayout('acme', 'sluice_shop', templates));
const WAREHOUSES = { DuckDB: DUCKDB_RULES, BigQuery: bigQuery() } as const;
const SOURCE_NAMES = { DuckDB: duckdbSource, BigQuery: bigQuerySource } as const;
const BOTH = Object.keys(WAREHOUSES) as (keyof typeof WAREHOUSES)[];

const idOf = (text: string): TableId => {
  const [database = '', table = ''] = text.split('/');
  return { database, table };
};

/** Tables that come, as `database/table`, and go, as `-database/table`, one in each commit. */
class Tables {
  readonly #known: KnownTables;
  readonly #rules: EvolutionRules;
  readonly #ids: TableId[] = [];
  #ordinal = 0;

  constructor(rules: EvolutionRules, before: readonly StoredTable[] = []) {
    this.#rules = rules;
    this.#known = new KnownTables(before, rules);
    this.#ids.push(...before.map(({ id }) => id));
  }

  play(...steps: readonly string[]): this {
    for (const step of steps) {
      this.#ordinal += 1;
      const id = idOf(step.replace(/^-/, ''));
      if (step.startsWith('-')) this.#drop(id);
      else this.#make(id);
    }
    return this;
  }

  /** `schema.view` of each table by its name, as shown at a cut. */
  shown(ordinal = this.#ordinal): Readonly<Record<string, string | undefined>> {
    const cut = cutAt(ordinal).lastSequence;
    return Object.fromEntries(this.all.map((table) => [table.name, this.#shown(table, cut)]));
  }

  get all(): readonly StoredTable[] {
    return this.#ids.flatMap((id) => this.#known.get(tableName(id)) ?? []);
  }

  /** All relations in the warehouse, those of the physical tables among them. */
  relations(ordinal = this.#ordinal): readonly string[] {
    const { naming } = this.#rules;
    const cut = cutAt(ordinal).lastSequence;
    return this.all.flatMap((table) => {
      const shown = shownAs(table, cut);
      return [
        ...(shown ? naming.views(namesOf(naming, shown)) : []),
        ...naming.storage(namesOf(naming, table)),
      ];
    });
  }

  #shown(table: StoredTable, cut: Sequence): string | undefined {
    const shown = shownAs(table, cut);
    if (!shown) return undefined;
    const { schema, view } = namesOf(this.#rules.naming, shown);
    return `${schema}.${view}`;
  }

  #make(id: TableId): void {
    const column = { name: 'id', type: integer, nullable: false };
    const schema = { id, columns: [column], key: [0] };
    const change = { kind: 'schema', schemaId: schemaIdOf(schema), schema } as const;
    follow(this.#rules, this.#known, {
      ...change,
      table: tableName(id),
      since: seqAt(this.#ordinal),
    });
    if (!this.#ids.some((each) => tableName(each) === tableName(id))) this.#ids.push(id);
  }

  #drop(id: TableId): void {
    const since = seqAt(this.#ordinal, 0);
    follow(this.#rules, this.#known, { kind: 'tableDropped', table: tableName(id), since });
  }
}

describe.each(BOTH)('names that a table leaves in %s', (warehouse) => {
  it('are not taken before the cut, also when the one that leaves them is all that was recorded', () => {
    const rules = WAREHOUSES[warehouse];
    const whole = new Tables(rules).play('s/clients', '-s/clients', 's/Clients');
    const [left] = whole.all.filter(({ name }) => name === 's.clients');
    if (!left) throw new Error('no such table');
    const again = new Tables(rules, [left]).play('other/one', 'other/two', 's/Clients');
    const wanted = { 's.clients': 's.clients', 's.Clients': undefined };
    expect(whole.shown(2)).toMatchObject(wanted);
    expect(again.shown(2)).toMatchObject(wanted);
    expect(again.shown(3)).toMatchObject({ 's.Clients': 's.Clients' });
  });
});

describe.each(BOTH)('names of relations in %s', (warehouse) => {
  const rules = WAREHOUSES[warehouse];
  const tables = (...steps: readonly string[]): Tables => new Tables(rules).play(...steps);

  it.each<[string, readonly string[], Readonly<Record<string, string | undefined>>]>([
    ['a table alone is called as at the source', ['s/orders'], { 's.orders': 's.orders' }],
    [
      'the second of two that differ in letter case gets a number',
      ['s/clients', 's/Clients', 's/CLIENTS'],
      { 's.clients': 's.clients', 's.Clients': 's.Clients_x0_2', 's.CLIENTS': 's.CLIENTS_x0_3' },
    ],
    [
      'a table called like a view beside another gets a number',
      ['s/a', 's/a__changes'],
      { 's.a': 's.a', 's.a__changes': 's.a__changes_x0_2' },
    ],
    [
      'a table whose view beside it would be called like another gets a number',
      ['s/a__history', 's/a'],
      { 's.a__history': 's.a__history', 's.a': 's.a_x0_2' },
    ],
    [
      'a table renamed to other letters has its name, and what is left of the old one a number',
      ['s/clients', '-s/clients', 's/Clients'],
      { 's.clients': 's.clients_x0_2', 's.Clients': 's.Clients' },
    ],
    [
      'a table renamed to other letters and back has its name again',
      ['s/clients', '-s/clients', 's/Clients', '-s/Clients', 's/clients'],
      { 's.clients': 's.clients', 's.Clients': 's.Clients_x0_3' },
    ],
    [
      'a table made again while another has its name stays with its number',
      ['s/clients', '-s/clients', 's/Clients', 's/clients'],
      { 's.clients': 's.clients_x0_2', 's.Clients': 's.Clients' },
    ],
    [
      'a table made again that had a number has its name when that is free',
      ['s/clients', 's/Clients', '-s/Clients', '-s/clients', 's/Clients'],
      { 's.clients': 's.clients_x0_3', 's.Clients': 's.Clients' },
    ],
    [
      'a table called like the changes of one that is gone has the name',
      ['s/a', '-s/a', 's/a__changes'],
      { 's.a': 's.a_x0_2', 's.a__changes': 's.a__changes' },
    ],
    [
      'a table made again under its own name goes on under it',
      ['s/a', '-s/a', 's/a'],
      { 's.a': 's.a' },
    ],
    [
      'a table that lives keeps its name while others go',
      ['s/clients', 's/Clients', '-s/clients'],
      { 's.clients': 's.clients', 's.Clients': 's.Clients_x0_2' },
    ],
  ])('%s', (_title, steps, shown) => {
    expect(tables(...steps).shown()).toEqual(shown);
  });

  it('change with the cut in which a name is taken over', () => {
    const renamed = tables('s/clients', '-s/clients', 's/Clients', '-s/Clients', 's/clients');
    expect([1, 2, 3, 4, 5].map((cut) => renamed.shown(cut))).toEqual([
      { 's.clients': 's.clients', 's.Clients': undefined },
      { 's.clients': 's.clients', 's.Clients': undefined },
      { 's.clients': 's.clients_x0_2', 's.Clients': 's.Clients' },
      { 's.clients': 's.clients_x0_2', 's.Clients': 's.Clients' },
      // The other number is still that of `clients` at the cut before.
      { 's.clients': 's.clients', 's.Clients': 's.Clients_x0_3' },
    ]);
  });

  it('belong to one table each at every cut, whatever comes and goes, and lead back to the source', () => {
    const name = fc.constantFrom('a', 'A', 'a__changes', 'A__history', 'a__b', 'ä-😀', 'a_x0_2');
    const database = fc.constantFrom('s', 'S', 's__a', 'temp', 'temp_', 'main', '_sluice');
    const step = fc.tuple(fc.boolean(), database, name).map(([goes, schema, table]) => {
      return `${goes ? '-' : ''}${schema}/${table}`;
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 16 }), (steps) => {
        const played = tables(...steps);
        for (let cut = 0; cut <= steps.length; cut += 1) {
          const relations = played.relations(cut).map((relation) => relation.toLowerCase());
          expect(relations).toHaveLength(new Set(relations).size);
        }
        for (const { id, names } of played.all)
          expect(SOURCE_NAMES[warehouse](names?.view ?? '')).toBe(id.table);
      }),
      { numRuns: 300 },
    );
  });

  it('of a table without any on record are those of earlier versions, and others give way to them', () => {
    const [plain] = tables('s/clients').all;
    const { names: _, ...unrecorded } = plain!;
    const played = new Tables(rules, [unrecorded]).play('s/Clients');
    expect(played.shown()).toEqual({ 's.clients': 's.clients', 's.Clients': 's.Clients_x0_2' });
    expect(played.all[0]).not.toHaveProperty('names');
  });
});

describe('names of relations in one warehouse alone', () => {
  const shown = (rules: EvolutionRules, ...steps: readonly string[]) =>
    Object.values(new Tables(rules).play(...steps).shown());

  it.each([
    ['_sluice/t', '_sluice_.t'],
    ['__sluice/t', '__sluice_.t'],
    ['TEMP/t', 'TEMP_.t'],
    ['temp_/t', 'temp__.t'],
    ['information_schema/t', 'information_schema_.t'],
    ['pg_catalog/t', 'pg_catalog_.t'],
    ['main/_cdc_status', 'main._cdc_status_x0_2'],
    ['s/a "b".c', 's.a "b".c'],
    ['s/注文😀', 's.注文😀'],
    ['s/a_x2_b', 's.a_x2_b'],
    ['s/a_x0_2', 's.a_x5F_x0_2'],
  ])('a table %s is %s in DuckDB', (id, name) => {
    expect(shown(DUCKDB_RULES, id)).toEqual([name]);
  });

  it.each([
    ['sluice_shop/t', 'sluice_shop_x0_2.t'],
    ['information_schema/t', 'information_schema_x0_2.t'],
    ['s/a "b".c', 's.a_x20__x22_b_x22__x2E_c'],
    ['s/注文-😀', 's.注文-_x1F600_'],
    ['s/__TABLES__', 's.__TABLES___x0_2'],
    ['s/a_x0_2', 's.a_x5F_x0_2'],
  ])('a table %s is %s in BigQuery', (id, name) => {
    expect(shown(bigQuery(), id)).toEqual([name]);
  });

  it('are told apart where two databases of the source come into one dataset', () => {
    const rules = bigQuery({ dataset: 'crm', table: '{table}' });
    expect(shown(rules, 'eu/orders', 'us/orders')).toEqual(['crm.orders', 'crm.orders_x0_2']);
  });

  it('keep physical tables of BigQuery apart whose databases and tables make one text', () => {
    const played = new Tables(bigQuery()).play('a/b__c', 'a__b/c');
    expect(played.all.map(({ names }) => names?.storage)).toEqual(['a__b__c', 'a__b__c_x0_2']);
  });

  it('fit what BigQuery takes, however long the names of the source and the templates are', () => {
    const templates = {
      dataset: `${'d'.repeat(600)}{database}`,
      table: `${'t'.repeat(600)}{table}`,
    };
    const rules = bigQuery(templates);
    const long = (character: string): string => character.repeat(64);
    const ids = ['注', '%', 'x', '😀'].map((c) => `${long(c)}/${long(c)}`);
    const played = new Tables(rules).play(...ids, ...ids.map((id) => `${id}1`));
    for (const { names } of played.all) {
      const relations = rules.naming.views(names!).map((relation) => relation.split('.', 2));
      for (const [dataset = '', relation = ''] of relations) {
        expect(dataset).toMatch(/^\w{1,1024}$/);
        expect(Buffer.byteLength(relation)).toBeLessThanOrEqual(1024);
        if (relation.endsWith('__as_of')) expect(relation).toMatch(/^\w{1,256}$/);
      }
    }
    const all = played.relations();
    expect(all).toHaveLength(new Set(all).size);
  });
});
