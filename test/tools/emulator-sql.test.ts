import { describe, expect, it } from 'vitest';
import { emulatorSql } from '../../tools/bigquery-front/emulator-sql.ts';

const TRANSLATED: readonly (readonly [what: string, sql: string, forEmulator: string])[] = [
  [
    'a NUMERIC column is as exact as the service has it',
    'CREATE TABLE `d`.`t` (`id` NUMERIC, `n` NUMERIC)',
    'CREATE TABLE `d`.`t` (`id` NUMERIC(38, 9), `n` NUMERIC(38, 9))',
  ],
  [
    'a NUMERIC literal is one already',
    `SELECT t.n FROM \`d\`.\`t\` AS t WHERE t.n > NUMERIC '1.5'`,
    `SELECT t.n FROM \`d\`.\`t\` AS t WHERE t.n > NUMERIC '1.5'`,
  ],
  [
    'a BIGNUMERIC column is a text',
    'CREATE TABLE `d`.`t` (`n` BIGNUMERIC)',
    'CREATE TABLE `d`.`t` (`n` STRING)',
  ],
  [
    'a declared key is left out, whatever its columns are called',
    'CREATE TABLE `d`.`t` (`a)` INT64, PRIMARY KEY (`a)`) NOT ENFORCED)',
    'CREATE TABLE `d`.`t` (`a)` INT64)',
  ],
  [
    'a function is dropped by a statement that is sent by itself',
    'DROP VIEW `d`.`v`;\nDROP TABLE FUNCTION IF EXISTS `d`.`f`;\nDROP VIEW `d`.`w`',
    'DROP VIEW `d`.`v`;\nSELECT TRUE;\nDROP VIEW `d`.`w`',
  ],
  [
    'each column is added by a statement of its own',
    "ALTER TABLE `d`.`t` ADD COLUMN `a` INT64 OPTIONS(description='a; b, ADD COLUMN c'), ADD COLUMN `b` STRING",
    "ALTER TABLE `d`.`t` ADD COLUMN `a` INT64 OPTIONS(description='a; b, ADD COLUMN c');\nALTER TABLE `d`.`t` ADD COLUMN `b` STRING",
  ],
  [
    // A definition of a table is stored as such a text and compared when a worker reads it again.
    'types within a text stay as they are',
    String.raw`UPDATE d.t SET definition = '{"type":"NUMERIC","was":"BIGNUMERIC","it\'s":"NUMERIC"}' WHERE true`,
    String.raw`UPDATE d.t SET definition = '{"type":"NUMERIC","was":"BIGNUMERIC","it\'s":"NUMERIC"}' WHERE true`,
  ],
  [
    'a name stays as it is',
    "SELECT t.`NUMERIC` AS `0`, '1' AS b FROM `BIGNUMERIC` AS t",
    "SELECT t.`NUMERIC` AS `0`, '1' AS b FROM `BIGNUMERIC` AS t",
  ],
];

describe('a statement before the emulator', () => {
  it.each(TRANSLATED)('%s', (_, sql, forEmulator) => {
    expect(emulatorSql(sql)).toBe(forEmulator);
  });
});
