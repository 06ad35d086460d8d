-- Rows that were there before ADD COLUMN take the default of the new column, and no row event says so.
-- https://github.com/risingwavelabs/risingwave/issues/23320, https://github.com/apache/flink-cdc/issues/2936
CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20));
CREATE TABLE u (id INT PRIMARY KEY);
INSERT INTO t VALUES (1, 'one'), (2, 'two');
INSERT INTO u VALUES (1), (2);
-- start
-- sync
INSERT INTO t VALUES (3, 'three');
ALTER TABLE t ADD COLUMN c1 INT DEFAULT 11, ALGORITHM = INSTANT;
INSERT INTO t VALUES (4, 'four', 22);
ALTER TABLE t ADD COLUMN c2 VARCHAR(10) NOT NULL FIRST, ADD COLUMN c3 DATETIME(3) DEFAULT '2020-02-02 02:02:02.222' AFTER name;
ALTER TABLE u ADD (a INT, b INT NOT NULL, c ENUM('x', 'y') NOT NULL, d SET('p', 'q') DEFAULT 'q', e BIT(4) DEFAULT b'0101',
  f DECIMAL(6, 3) DEFAULT -1.5, g BINARY(3) DEFAULT 'ab', h JSON DEFAULT (JSON_OBJECT('k', 1)), i VARCHAR(40) DEFAULT (UPPER('expr')),
  j YEAR NOT NULL, k TIME DEFAULT '-10:00:00');
