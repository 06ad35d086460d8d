-- Values that do not compress: an update of another column beside one of 9 MiB, and a row that fits into no record.
-- by hash
SET SESSION group_concat_max_len = 100000000;
CREATE TABLE neighbour (id INT PRIMARY KEY, v INT); CREATE TABLE beside_a_picture (id INT PRIMARY KEY, picture LONGBLOB, v INT); CREATE TABLE too_large (id INT PRIMARY KEY, picture LONGBLOB);
SELECT GROUP_CONCAT(RANDOM_BYTES(1024) SEPARATOR '') INTO @mebibyte FROM (WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 1000) SELECT n FROM r) AS numbers;
SET @picture = CONCAT(@mebibyte, REVERSE(@mebibyte), AES_ENCRYPT(@mebibyte, '3'), AES_ENCRYPT(@mebibyte, '4'), AES_ENCRYPT(@mebibyte, '5'), AES_ENCRYPT(@mebibyte, '6'), AES_ENCRYPT(@mebibyte, '7'), AES_ENCRYPT(@mebibyte, '8'), AES_ENCRYPT(@mebibyte, '9'));
INSERT INTO neighbour VALUES (1, 1); INSERT INTO beside_a_picture VALUES (1, @picture, 1); INSERT INTO too_large VALUES (1, 'small');
-- start
-- sync
UPDATE beside_a_picture SET v = 2;
INSERT INTO neighbour VALUES (2, 2);
INSERT INTO too_large VALUES (2, CONCAT(@picture, AES_ENCRYPT(@picture, 'again')));
INSERT INTO neighbour VALUES (3, 3);
