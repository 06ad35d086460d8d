-- A copy by hand, without a key, in a captured database.
-- https://github.com/debezium/debezium/pull/972, https://github.com/zendesk/maxwell/issues/1686
CREATE TABLE src (id INT PRIMARY KEY, a VARCHAR(10));
INSERT INTO src VALUES (1, 'x'), (2, 'y');
-- start
-- sync
INSERT INTO src VALUES (3, 'z');
CREATE TABLE src_backup_20240506 AS SELECT * FROM src;
INSERT INTO src VALUES (4, 'behind');
