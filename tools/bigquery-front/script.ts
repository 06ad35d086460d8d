import type { Refusal } from './answer.ts';

/** Of one statement or script, comments and blanks included. */
const MAX_CHARACTERS = 1_024 * 1_024;
const QUOTED = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`/gs;
const DDL = /^(?:CREATE|ALTER|DROP)\b/i;

/** What BigQuery refuses and the emulator takes; `undefined` when there is nothing of the kind. */
export function refusedScript(sql: string): Refusal | undefined {
  if (sql.length > MAX_CHARACTERS)
    return invalidQuery(
      'The query is too large. The maximum standard SQL query length is 1024.00K characters, including comments and white space characters.',
    );
  const functions = namesIn(sql, FUNCTIONS).map((name) => name.split('.').at(-1) ?? '');
  if (!functions.every((name) => /^\w{1,256}$/.test(name)))
    return invalidQuery(
      'Routine IDs must be alphanumeric (plus underscores) and at most 256 characters.',
    );
  let inTransaction = false;
  for (const statement of statementsOf(sql))
    if (/^BEGIN TRANSACTION$/i.test(statement)) inTransaction = true;
    else if (/^(?:COMMIT|ROLLBACK) TRANSACTION$/i.test(statement)) inTransaction = false;
    else if (inTransaction && DDL.test(statement))
      return invalidQuery('DDL statements are not supported in a transaction.');
    else if (/^(?:UPDATE|DELETE)\b/i.test(statement) && !/\bWHERE\b/i.test(statement))
      return invalidQuery('UPDATE/DELETE must have a WHERE clause.');
  // BigQuery rolls it back and calls the job done; nobody means that.
  if (inTransaction) return invalidQuery('The script ends within its transaction.');
  return undefined;
}

/** Without what is quoted. */
const statementsOf = (sql: string): readonly string[] =>
  sql
    .replaceAll(QUOTED, "''")
    .split(';')
    .map((statement) => statement.trim());

const invalidQuery = (message: string): Refusal => ({ reason: 'invalidQuery', message });

const NAME = '(`[^`]+`(?:\\.`[^`]+`)*|[\\w.-]+)';
const CHANGED = new RegExp(
  `\\b(?:CREATE(?: OR REPLACE)?|ALTER|DROP) (?:TABLE FUNCTION|TABLE|VIEW)(?: IF (?:NOT )?EXISTS)? ${NAME}`,
  'gi',
);
const FUNCTIONS = new RegExp(`\\bTABLE FUNCTION(?: IF EXISTS)? ${NAME}`, 'gi');
const ALTERED = new RegExp(
  `\\bALTER TABLE(?: IF EXISTS)? ${NAME} (?:ADD|ALTER|DROP|RENAME) COLUMN`,
  'gi',
);

/** `project.dataset.table` of every table and view whose metadata a script changes, once a statement. */
export const changedTables = (sql: string): readonly string[] => namesIn(sql, CHANGED);

/** Those whose columns it changes. */
export const alteredTables = (sql: string): readonly string[] => [
  ...new Set(namesIn(sql, ALTERED)),
];

const namesIn = (sql: string, pattern: RegExp): readonly string[] =>
  [...sql.matchAll(pattern)].map(([, name = '']) => name.replaceAll('`', ''));
