-- One row of 500 short texts by the snapshot, one by the stream.
-- https://github.com/vitessio/vitess/issues/11870
SET SESSION group_concat_max_len = 1000000;
SELECT CONCAT('CREATE TABLE wide (id INT PRIMARY KEY, ', GROUP_CONCAT(CONCAT('d', n, ' VARCHAR(3)') ORDER BY n), ')'),
       CONCAT('INSERT INTO wide VALUES (?, ', GROUP_CONCAT('''abc'''), ')')
  INTO @made, @filled
  FROM (WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 500) SELECT n FROM r) AS numbers;
PREPARE make FROM @made; EXECUTE make;
PREPARE fill FROM @filled;
SET @id = 1; EXECUTE fill USING @id;
-- start
-- sync
SET @id = 2; EXECUTE fill USING @id;
