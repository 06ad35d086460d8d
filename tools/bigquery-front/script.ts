import type { Refusal } from './answer.ts';
import { refusedNames } from './object-names.ts';
import { bare, type Ddl, ddlOf, dmlOf, statementsOf } from './statements.ts';

/** Limits of https://cloud.google.com/bigquery/quotas: of queries, of transactions and of views. */
const MAX_CHARACTERS = 1_024 * 1_024;
const MAX_TABLES_IN_TRANSACTION = 100;
const MAX_VIEW_CHARACTERS = 256 * 1_024;

/** What BigQuery refuses and the emulator takes; `undefined` when there is nothing of the kind. */
export function refusedScript(sql: string): Refusal | undefined {
  if (sql.length > MAX_CHARACTERS)
    return invalidQuery(
      'The query is too large. The maximum standard SQL query length is 1024.00K characters, including comments and white space characters.',
    );
  const statements = statementsOf(sql);
  return (
    refusedTransaction(statements) ??
    statements.map(refusedStatement).find((each) => each !== undefined)
  );
}

function refusedTransaction(statements: readonly string[]): Refusal | undefined {
  let inTransaction = false;
  const changed = new Set<string>();
  for (const statement of statements)
    if (/^BEGIN TRANSACTION$/i.test(statement)) inTransaction = true;
    else if (/^(?:COMMIT|ROLLBACK) TRANSACTION$/i.test(statement)) {
      inTransaction = false;
      changed.clear();
    } else if (inTransaction) {
      if (ddlOf(statement))
        return invalidQuery('DDL statements are not supported in a transaction.');
      const dml = dmlOf(statement);
      if (dml) changed.add(dml.table);
      if (changed.size > MAX_TABLES_IN_TRANSACTION)
        return invalidQuery(
          `A transaction can mutate data in at most ${MAX_TABLES_IN_TRANSACTION} tables.`,
        );
    }
  // BigQuery rolls it back and calls the job done; nobody means that.
  if (inTransaction) return invalidQuery('The script ends within its transaction.');
  return undefined;
}

function refusedStatement(statement: string): Refusal | undefined {
  if (/^(?:UPDATE|DELETE)\b/i.test(statement) && !/\bWHERE\b/i.test(bare(statement)))
    return invalidQuery('UPDATE/DELETE must have a WHERE clause.');
  const ddl = ddlOf(statement);
  if (!ddl) return undefined;
  if (ddl.object === 'VIEW' && ddl.rest.length > MAX_VIEW_CHARACTERS)
    return invalidQuery('The view query is too large: it has more than 256.00K characters.');
  return refusedNames(ddl);
}

const invalidQuery = (message: string): Refusal => ({ reason: 'invalidQuery', message });

const ddlIn = (sql: string): readonly Ddl[] =>
  statementsOf(sql).flatMap((each) => ddlOf(each) ?? []);

/** `project.dataset.table` of every table and view whose metadata a script changes, once a statement. */
export const changedTables = (sql: string): readonly string[] =>
  ddlIn(sql).map(({ name }) => name.join('.'));

/** Those whose columns it changes. */
export const alteredTables = (sql: string): readonly string[] => [
  ...new Set(
    ddlIn(sql).flatMap(({ verb, name, rest }) =>
      verb === 'ALTER' && /^(?:ADD|ALTER|DROP|RENAME) COLUMN/i.test(rest) ? [name.join('.')] : [],
    ),
  ),
];

/** Parameters that a script names and nobody has given. */
export function unknownParameters(sql: string, known: ReadonlySet<string>): readonly string[] {
  const named = bare(sql)
    .replaceAll(/`(?:[^`\\]|\\.)*`/gs, '``')
    .matchAll(/@(\w+)/g);
  return [...named].flatMap(([, name = '']) => (known.has(name) ? [] : [name]));
}
