-- Changes that the log does not hold whole: each stops its own table, which shows what came before.
CREATE TABLE minimal_image (id INT PRIMARY KEY, v INT, w INT); CREATE TABLE partial_json (id INT PRIMARY KEY, j JSON); CREATE TABLE neighbour (id INT PRIMARY KEY, v INT);
INSERT INTO minimal_image VALUES (1, 1, 1); INSERT INTO partial_json VALUES (1, '{"a": [1, 2, 3], "b": "a text that is long enough"}'); INSERT INTO neighbour VALUES (1, 1);
-- start
-- sync
INSERT INTO neighbour VALUES (2, 2);
INSERT INTO minimal_image VALUES (2, 2, 2), (3, 3, 3);
SET SESSION binlog_row_image = MINIMAL; UPDATE minimal_image SET v = 3 WHERE id = 1; SET SESSION binlog_row_image = FULL;
INSERT INTO neighbour VALUES (3, 3);
SET SESSION binlog_row_value_options = PARTIAL_JSON; UPDATE partial_json SET j = JSON_SET(j, '$.a[1]', 20) WHERE id = 1; SET SESSION binlog_row_value_options = '';
INSERT INTO neighbour VALUES (4, 4);
-- shows minimal_image: [[1, 1, 1], [2, 2, 2], [3, 3, 3]]
