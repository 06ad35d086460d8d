-- Tables made LIKE another one, also from another database, and one that is never filled.
-- https://github.com/apache/flink-cdc/pull/4502, https://github.com/pingcap/tiflow/issues/590
CREATE DATABASE create_table_like_templates;
CREATE TABLE create_table_like_templates.tpl (a INT, id BIGINT UNSIGNED PRIMARY KEY, b VARCHAR(5));
CREATE TABLE target (id INT PRIMARY KEY, b VARCHAR(5), c INT);
INSERT INTO target VALUES (1, 'b', 3);
-- start
-- sync
CREATE TABLE IF NOT EXISTS target LIKE create_table_like_templates.tpl;
INSERT INTO target VALUES (2, 'c', 4);
CREATE TABLE fresh LIKE create_table_like_templates.tpl;
INSERT INTO fresh VALUES (1, 18446744073709551615, 'x'), (2, 2, 'y');
USE create_table_like_templates;
CREATE TABLE create_table_like.from_there LIKE tpl;
INSERT INTO create_table_like.from_there VALUES (5, 5, 'v');
USE create_table_like;
CREATE TABLE empty_one LIKE fresh;
CREATE TABLE empty_too (id INT PRIMARY KEY, v VARCHAR(9));
UPDATE target SET c = c + 1;
