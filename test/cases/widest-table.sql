-- As many columns as a table can have, 1,017, of six types: the column count takes three bytes in the log, a null bitmap 126.
-- https://github.com/vitessio/vitess/issues/11870, https://github.com/apache/flink-cdc/issues/441
SET SESSION group_concat_max_len = 10000000, cte_max_recursion_depth = 2000;
CREATE TABLE neighbour (id INT PRIMARY KEY, v INT);
INSERT INTO neighbour VALUES (1, 1);
CREATE TABLE numbers (n INT PRIMARY KEY);
INSERT INTO numbers WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 1015) SELECT n FROM r;
SELECT CONCAT('CREATE TABLE wide (id INT PRIMARY KEY, ', GROUP_CONCAT(CONCAT('c', LPAD(n, 4, '0'), ' ',
  ELT(n % 6 + 1, 'INT', 'VARCHAR(3)', 'BIGINT UNSIGNED', 'TINYINT', 'DATE', 'DOUBLE')) ORDER BY n), ')')
  INTO @made FROM numbers;
SELECT CONCAT('INSERT INTO wide SELECT id, ', GROUP_CONCAT(CONCAT('IF(id * ', n, ' % 7 = 0, NULL, ',
  ELT(n % 6 + 1, CONCAT('id - ', n), CONCAT('''v', n % 10, ''''), CONCAT('18446744073709551615 - id * ', n), n % 100,
    CONCAT('''2024-01-', LPAD(n % 28 + 1, 2, '0'), ''''), CONCAT('id * ', n, '.5')), ')') ORDER BY n),
  ' FROM (SELECT ? AS id) AS one') INTO @filled FROM numbers;
PREPARE make FROM @made; EXECUTE make;
PREPARE fill FROM @filled;
SET @id = 1; EXECUTE fill USING @id;
SET @id = 2; EXECUTE fill USING @id;
-- start
-- sync
SET @id = 3; EXECUTE fill USING @id;
UPDATE wide SET c0999 = NULL, c0500 = NULL, c0253 = 'x' WHERE id = 1;
DELETE FROM wide WHERE id = 2;
ALTER TABLE wide ADD COLUMN added INT DEFAULT 1000 AFTER c0250;
UPDATE wide SET added = 1 WHERE id = 3;
INSERT INTO neighbour VALUES (2, 2);
