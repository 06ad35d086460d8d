import { describe, expect, it } from 'vitest';
import { columnForm } from '../../src/bigquery/column-type.ts';
import { bigQueryLayout } from '../../src/bigquery/names.ts';
import { rowWriter } from '../../src/bigquery/row-line.ts';
import { bigQueryRules, tableScripts } from '../../src/bigquery/table-plan.ts';
import type { ColumnValue } from '../../src/change/column-value.ts';
import { type ColumnType, type TableSchema, tableName } from '../../src/change/table.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { formAfter } from '../../src/view/evolve-table.ts';
import { KnownTables } from '../../src/view/known-tables.ts';
import type { StoredTable } from '../../src/view/stored-table.ts';
import { formAt, physicalColumns } from '../../src/view/table-form.ts';
import { change, integer, schemaOf, seqAt } from '../duckdb/warehouse.ts';
import { COLUMN_SAMPLES } from '../support/column-samples.ts';

const layout = bigQueryLayout('acme', 'sluice_shop', { dataset: '{database}', table: '{table}' });
const rules = bigQueryRules(layout);

const schemaWith = (type: ColumnType): TableSchema =>
  schemaOf('shop.t', [
    ['id', integer],
    ['v', type],
  ]);

function after(schema: TableSchema, ordinal: number, before?: StoredTable): StoredTable {
  const [table, schemaId] = [tableName(schema.id), schemaIdOf(schema)];
  const use = { kind: 'schema', table, schemaId, schema, since: seqAt(ordinal) } as const;
  return formAfter(rules, new KnownTables(before ? [before] : [], rules), use)!;
}

/** The column that the value of a row goes to, with its type, and what is written there. */
function written(schema: TableSchema, value: ColumnValue, table: StoredTable, ordinal: number) {
  const row = change(schema, 'c', [1n, value], ordinal);
  const line = rowWriter(schema, formAt(table, row.seq), 0)(row);
  if (line.kind === 'refused') throw new Error(line.reason);
  const members = JSON.parse(line.line) as Record<string, unknown>;
  const [name = ''] = Object.keys(members).filter((each) => each.startsWith('v'));
  const type = physicalColumns(table).find((column) => column.name === name)?.type;
  return { name, type, value: members[name] };
}

describe('a column in BigQuery whose type changes', () => {
  it.each(COLUMN_SAMPLES)(
    'from %o (%o) to any other is followed, and each row is written to a column of a type that holds it',
    (from, old) => {
      for (const [to, fresh] of COLUMN_SAMPLES) {
        const [one, other] = [schemaWith(from), schemaWith(to)];
        const made = after(one, 1);
        const table = schemaIdOf(one) === schemaIdOf(other) ? made : after(other, 2, made);
        const early = written(one, old, table, 1);
        const late = written(other, fresh, table, 2);
        for (const [row, type] of [
          [early, from],
          [late, to],
        ] as const)
          if (row.type === columnForm(type).type) {
            const alone = written(
              schemaWith(type),
              type === from ? old : fresh,
              after(schemaWith(type), 1),
              1,
            );
            expect(row.value).toEqual(alone.value);
          } else
            expect(['STRING', 'NUMERIC', 'BIGNUMERIC', 'INT64', 'DATETIME']).toContain(row.type);
        const ddl = tableScripts(layout, { labels: {} }, made, table).flat().join('\n');
        if (early.name !== late.name) expect(ddl).toContain(`\`${late.name}\` ${late.type}`);
      }
    },
  );
});
