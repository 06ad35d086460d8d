-- Words that mean something to a warehouse, to JSON or to JavaScript mean nothing as names of columns.
-- https://github.com/confluentinc/kafka-connect-bigquery/issues/175, https://github.com/debezium/debezium/pull/961
CREATE TABLE names (id INT PRIMARY KEY, `hash` INT, `select` INT, `two words` INT, `dot.ted` INT, `da-sh` INT, `quo"te` INT,
  `ti``ck` INT, `it's` INT, `ünï` INT, `表` INT, `1st` INT, `a,b` INT, `(x)` INT, `valid_from` INT, `valid_to` INT, `as_of` INT,
  `op` INT, `before` INT, `after` INT, `ts_ms` INT, `rowid` INT, `__op` INT, `_rescued` INT, `back\slash` INT, `$dollar` INT,
  `percent%` INT, `constructor` INT, `__proto__` INT, `toString` INT, `hasOwnProperty` INT, `length` INT, `?` INT, `:x` INT);
CREATE TABLE race (id INT PRIMARY KEY, `__proto__` VARCHAR(20));
CREATE TABLE proto_key (`__proto__` INT PRIMARY KEY, `constructor` INT);
CREATE TABLE neighbour (id INT PRIMARY KEY, v INT);
INSERT INTO names VALUES (1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33);
INSERT INTO race VALUES (1, 'a');
INSERT INTO proto_key VALUES (1, 1), (2, 2);
INSERT INTO neighbour VALUES (1, 1);
-- start
-- sync
INSERT INTO names SELECT 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33;
UPDATE names SET `__proto__` = 100, `quo"te` = 101, `a,b` = 102 WHERE id = 1;
ALTER TABLE names ADD COLUMN `new "one"` INT DEFAULT 5, RENAME COLUMN `da-sh` TO `da–sh`;
INSERT INTO race VALUES (2, 'b');
UPDATE race SET `__proto__` = 'c' WHERE id = 1;
UPDATE proto_key SET `constructor` = 10 WHERE `__proto__` = 1;
DELETE FROM proto_key WHERE `__proto__` = 2;
INSERT INTO neighbour VALUES (2, 2);
