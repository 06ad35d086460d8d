import { describe, expect, it } from 'vitest';
import { readForeignKeys } from '../../src/statement/foreign-keys.ts';

const CONTEXT = {
  database: 'shop',
  sqlMode: 0n,
  explicitDefaultsForTimestamp: undefined,
  lowerCaseNames: true,
};

const told = (sql: string) => {
  const { added, drops } = readForeignKeys(sql, CONTEXT);
  const references = added.map(({ parent, onDelete, onUpdate, columns }) =>
    [
      `${parent.database}.${parent.table}(${columns.join()})`,
      ...(onDelete ? ['delete'] : []),
      ...(onUpdate ? ['update'] : []),
    ].join(' '),
  );
  return drops ? [...references, 'drops'] : references;
};

describe('the foreign keys of a statement', () => {
  it.each([
    ['ALTER TABLE a ADD FOREIGN KEY (x) REFERENCES b (y) ON DELETE CASCADE', ['shop.b(y) delete']],
    [
      'alter table a add constraint `references` foreign key (x, z) references `Other`.`B` (`y`, w) on update set null',
      ['other.b(y,w) update'],
    ],
    [
      'CREATE TABLE a (id INT, x INT REFERENCES b (y) MATCH FULL ON DELETE SET DEFAULT ON UPDATE CASCADE, z INT)',
      ['shop.b(y) delete update'],
    ],
    [
      'CREATE TABLE a (FOREIGN KEY (x) REFERENCES b (y) ON UPDATE NO ACTION ON DELETE CASCADE, FOREIGN KEY (z) REFERENCES c (y) ON DELETE SET NULL)',
      ['shop.b(y) delete', 'shop.c(y) delete'],
    ],
    ['ALTER TABLE a ADD FOREIGN KEY (x) REFERENCES b (y)', []],
    ['ALTER TABLE a ADD FOREIGN KEY (x) REFERENCES b (y) ON DELETE RESTRICT', []],
    ["CREATE TABLE a (x INT COMMENT 'REFERENCES b (y) ON DELETE CASCADE')", []],
    ['ALTER TABLE a DROP FOREIGN KEY k', ['drops']],
    ['ALTER TABLE a DROP /* x */ CONSTRAINT k, ADD x INT', ['drops']],
    ['ALTER TABLE a DROP COLUMN `FOREIGN`', []],
    ['ALTER TABLE a ADD x INT', []],
  ])('%s', (sql, expected) => {
    expect(told(sql)).toEqual(expected);
  });
});
