-- Changes that a session logs as statements, behind another first word or another first table.
CREATE DATABASE statement_format_other; CREATE TABLE statement_format_other.u (id INT PRIMARY KEY, v INT); INSERT INTO statement_format_other.u VALUES (1, 1), (2, 2);
CREATE TABLE with_update (id INT PRIMARY KEY, v INT); CREATE TABLE joined LIKE with_update; CREATE TABLE neighbour LIKE with_update;
INSERT INTO with_update VALUES (1, 1), (2, 2); INSERT INTO joined VALUES (1, 1), (2, 2); INSERT INTO neighbour VALUES (1, 1);
-- start
-- sync
SET SESSION binlog_format = STATEMENT;
WITH one AS (SELECT 1 AS id) UPDATE with_update SET v = 10 WHERE id IN (SELECT id FROM one);
UPDATE statement_format_other.u JOIN joined ON joined.id = u.id SET joined.v = 10;
SET SESSION binlog_format = ROW;
INSERT INTO neighbour VALUES (2, 2);
