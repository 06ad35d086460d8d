import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  alteredTables,
  changedTables,
  refusedScript,
  unknownParameters,
} from '../../tools/bigquery-front/script.ts';

function inserts(tables: number): string {
  const statements = Array.from(
    { length: tables },
    (_, n) => `INSERT INTO d.t${n} (a) VALUES (1); `,
  );
  return statements.join('');
}

const REFUSED: readonly (readonly [why: string, sql: string, message: RegExp])[] = [
  [
    'does not end its transaction',
    "BEGIN TRANSACTION; INSERT INTO t (a) VALUES ('COMMIT TRANSACTION;');",
    /ends within/,
  ],
  [
    'changes a table within its transaction',
    'BEGIN TRANSACTION; DROP TABLE t; COMMIT TRANSACTION;',
    /DDL/,
  ],
  [
    'names a function with a dash',
    'CREATE OR REPLACE TABLE FUNCTION `p`.`d`.`a-b__as_of`(t TIMESTAMP) AS (SELECT 1 AS one)',
    /alphanumeric/,
  ],
  ['updates without WHERE', "UPDATE t SET a = ' WHERE '", /WHERE clause/],
  [
    'changes more than 100 tables in a transaction',
    `BEGIN TRANSACTION; ${inserts(101)}COMMIT TRANSACTION;`,
    /at most 100 tables/,
  ],
  [
    'has a view of more than 256k characters',
    `CREATE VIEW v AS SELECT '${'x'.repeat(262_144)}' AS a`,
    /view query is too large/,
  ],
  ['is longer than 1,024k characters', `SELECT '${'x'.repeat(1_048_576)}'`, /too large/],
];

const TAKEN: readonly string[] = [
  `BEGIN TRANSACTION; ${inserts(100)}COMMIT TRANSACTION; BEGIN TRANSACTION; ${inserts(100)}COMMIT TRANSACTION;`,
  inserts(101),
  'BEGIN TRANSACTION; UPDATE t SET a = 1 WHERE TRUE; COMMIT TRANSACTION;',
  'BEGIN TRANSACTION; DELETE FROM t WHERE TRUE; ROLLBACK TRANSACTION;',
  "BEGIN TRANSACTION; INSERT INTO t (a) VALUES ('; DROP TABLE t'); COMMIT TRANSACTION;",
  "CREATE TABLE t (a INT64); ALTER TABLE t ADD COLUMN b STRING OPTIONS (description = 'BEGIN TRANSACTION;')",
];

describe('a script', () => {
  it.each(REFUSED)('that %s is refused', (_, sql, message) => {
    const refused = refusedScript(sql);
    expect(refused?.reason).toBe('invalidQuery');
    expect(refused?.message).toMatch(message);
  });

  it.each(TAKEN)('is taken that BigQuery takes: %s', (sql) => {
    expect(refusedScript(sql)).toBeUndefined();
  });

  it('names the tables and views that it changes, and those that get other columns', () => {
    const sql =
      'CREATE TABLE IF NOT EXISTS `p`.`d`.`t` (a INT64);' +
      ' ALTER TABLE `p`.`d`.`t` ADD COLUMN IF NOT EXISTS `b` STRING;' +
      ' CREATE OR REPLACE VIEW `p`.`d`.`v` AS SELECT 1 AS one;' +
      ' ALTER TABLE IF EXISTS `p`.`d`.`old` RENAME TO `older`; INSERT INTO `p`.`d`.`u` (a) VALUES (1)';
    expect(changedTables(sql)).toEqual(['p.d.t', 'p.d.t', 'p.d.v', 'p.d.old']);
    expect(alteredTables(sql)).toEqual(['p.d.t']);
  });

  it('names the parameters that nobody has given, those in quotes aside', () => {
    const sql = "SELECT @a AS a, @b AS b, '@c' AS c, `@d` FROM t";
    expect(unknownParameters(sql, new Set(['a']))).toEqual(['b']);
  });

  it('is taken when it is one that Sluice sends', () => {
    const folder = join(import.meta.dirname, '../fixtures/bigquery');
    const files = readdirSync(folder).filter((name) => name.endsWith('.sql'));
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) {
      const sql = readFileSync(join(folder, file), 'utf8');
      expect([file, refusedScript(sql)]).toEqual([file, undefined]);
    }
  });
});
