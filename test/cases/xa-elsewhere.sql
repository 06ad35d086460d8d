-- An XA transaction, a partial JSON update and a partial row image of a database that is not captured.
CREATE DATABASE xa_elsewhere_other;
CREATE TABLE xa_elsewhere_other.t (id INT PRIMARY KEY, v INT, j JSON); INSERT INTO xa_elsewhere_other.t VALUES (1, 1, '{"a": [1, 2, 3], "b": "a text that is long enough"}');
CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1);
-- start
-- sync
XA START 'one'; INSERT INTO xa_elsewhere_other.t VALUES (2, 2, NULL); XA END 'one'; XA PREPARE 'one'; XA COMMIT 'one';
SET SESSION binlog_row_value_options = PARTIAL_JSON; UPDATE xa_elsewhere_other.t SET j = JSON_SET(j, '$.a[1]', 20) WHERE id = 1; SET SESSION binlog_row_value_options = '';
SET SESSION binlog_row_image = MINIMAL; UPDATE xa_elsewhere_other.t SET v = 3 WHERE id = 1; SET SESSION binlog_row_image = FULL;
INSERT INTO t VALUES (2, 2);
