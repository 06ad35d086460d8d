import { describe, expect, it } from 'vitest';
import { refusedDataset } from '../../tools/bigquery-front/object-names.ts';
import { refusedScript } from '../../tools/bigquery-front/script.ts';

const TAKEN: readonly string[] = [
  'CREATE TABLE `p`.`d`.`order-items` (`a` INT64)',
  'CREATE OR REPLACE VIEW `p`.`d`.`bestellung übersicht` AS SELECT 1 AS one',
  `CREATE TABLE p.d.t (\`${'x'.repeat(300)}\` INT64)`,
  `CREATE OR REPLACE TABLE FUNCTION \`p\`.\`d\`.\`${'f'.repeat(256)}\`(x INT64) AS (SELECT 1 AS one)`,
  'ALTER TABLE `p`.`d`.`t` RENAME TO `t__6ea39949-8beb`',
  'CREATE TABLE p.d.t (`a` STRUCT<srid INT64, wkb BYTES>, `b` NUMERIC(38, 9), PRIMARY KEY (`a`) NOT ENFORCED)',
  'DROP TABLE FUNCTION IF EXISTS `p`.`d`.`no-function`',
];

const REFUSED: readonly (readonly [what: string, sql: string])[] = [
  [
    'a routine with a dash',
    'CREATE OR REPLACE TABLE FUNCTION `p`.`d`.`order-items__as_of`(x INT64) AS (SELECT 1 AS one)',
  ],
  [
    'a routine with a letter of its own',
    'CREATE TABLE FUNCTION `p`.`d`.`注文`(x INT64) AS (SELECT 1 AS one)',
  ],
  [
    'a routine of 257 characters',
    `CREATE TABLE FUNCTION \`p\`.\`d\`.\`${'f'.repeat(257)}\`(x INT64) AS (SELECT 1 AS one)`,
  ],
  ['a table with a dollar', 'CREATE TABLE `p`.`d`.`t$20260101` (`a` INT64)'],
  ['a table of more than 1,024 bytes', `CREATE TABLE \`p\`.\`d\`.\`${'é'.repeat(513)}\` (a INT64)`],
  ['a table that is renamed to one with an exclamation', 'ALTER TABLE `p`.`d`.`t` RENAME TO `t!`'],
  ['a column of 301 characters', `CREATE TABLE p.d.t (\`${'x'.repeat(301)}\` INT64)`],
  [
    'a column with a reserved prefix',
    'ALTER TABLE p.d.t ADD COLUMN IF NOT EXISTS `a` INT64, ADD COLUMN IF NOT EXISTS `_partition_x` INT64',
  ],
  ['a column with a dot', 'CREATE TABLE p.d.t (`a` INT64, `b.c` INT64)'],
  ['two columns of one name in other letters', 'CREATE TABLE p.d.t (`a` INT64, `A` STRING)'],
];

describe('a name', () => {
  it.each(TAKEN)('that BigQuery takes is taken: %s', (sql) => {
    expect(refusedScript(sql)).toBeUndefined();
  });

  it.each(REFUSED)('is refused for %s', (_, sql) => {
    expect(refusedScript(sql)).toMatchObject({ reason: 'invalidQuery' });
  });

  it.each([
    ['shop_2', true],
    ['shop-2', false],
    ['läden', false],
    ['x'.repeat(1_025), false],
  ])('of a dataset has letters, digits and underscores alone: %s', (name, isTaken) => {
    expect(refusedDataset(name) === undefined).toBe(isTaken);
  });
});
