-- Statements of a database that is not captured, logged as such with what they depend on: a counter, a random seed, a variable.
CREATE DATABASE statements_elsewhere_other;
CREATE TABLE statements_elsewhere_other.u (id INT AUTO_INCREMENT PRIMARY KEY, r DOUBLE, v INT); CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1);
-- start
-- sync
SET SESSION binlog_format = STATEMENT; SET @v = 7;
INSERT INTO statements_elsewhere_other.u VALUES (NULL, RAND(), @v); UPDATE statements_elsewhere_other.u SET v = @v + 1; DELETE FROM statements_elsewhere_other.u WHERE v = 0;
SET SESSION binlog_format = ROW;
INSERT INTO t VALUES (2, 2);
