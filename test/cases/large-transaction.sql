-- Some 200,000 changes in one transaction arrive whole and once.
-- https://github.com/apache/flink-cdc/issues/204, https://github.com/redpanda-data/connect/pull/4396
SET SESSION cte_max_recursion_depth = 1000000;
CREATE TABLE t (id INT PRIMARY KEY, v INT, pad VARCHAR(60));
CREATE TABLE u (id INT PRIMARY KEY, v INT);
INSERT INTO t WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 20000) SELECT n, n, REPEAT('p', n % 60) FROM r;
-- start
-- sync
START TRANSACTION;
INSERT INTO t WITH RECURSIVE r (n) AS (SELECT 20001 UNION ALL SELECT n + 1 FROM r WHERE n < 130000) SELECT n, n, REPEAT('q', n % 60) FROM r;
UPDATE t SET v = -v WHERE id % 3 = 0;
UPDATE t SET id = id + 1000000 WHERE id % 10 = 0;
DELETE FROM t WHERE id % 7 = 0;
INSERT INTO u VALUES (1, 1);
COMMIT;
FLUSH BINARY LOGS;
INSERT INTO u VALUES (2, 2);
