-- Updates beside an unchanged value of 9 MiB, where nothing is compressed: a record has room for it once, not twice.
-- by hash
-- compression: none
-- tables: { unchanged_picture.key_before: { beforeImage: key }, unchanged_picture.moved: { beforeImage: key } }
CREATE TABLE neighbour (id INT PRIMARY KEY, v INT); CREATE TABLE key_before (id INT PRIMARY KEY, picture LONGBLOB, v INT); CREATE TABLE moved LIKE key_before; CREATE TABLE cured LIKE key_before; CREATE TABLE whole_before LIKE key_before;
SET @picture = REPEAT(x'00FF10', 3 * 1024 * 1024);
INSERT INTO neighbour VALUES (1, 1); INSERT INTO key_before VALUES (1, @picture, 1); INSERT INTO moved VALUES (1, @picture, 1), (2, 'small', 1); INSERT INTO cured VALUES (1, @picture, 1), (2, 'small', 1); INSERT INTO whole_before VALUES (1, @picture, 1);
-- start
-- sync
UPDATE key_before SET v = 2; UPDATE whole_before SET v = 2; UPDATE cured SET v = 2 WHERE id = 1;
UPDATE moved SET v = 2; UPDATE moved SET id = 10 WHERE id = 1; UPDATE moved SET id = 1 WHERE id = 2; DELETE FROM moved WHERE id = 10;
INSERT INTO neighbour VALUES (2, 2);
-- sync
DELETE FROM cured WHERE id = 2;
-- configure: { unchanged_picture.key_before: { beforeImage: key }, unchanged_picture.moved: { beforeImage: key }, unchanged_picture.cured: { beforeImage: key } }
-- sync
UPDATE cured SET v = 3; UPDATE key_before SET v = 3;
INSERT INTO neighbour VALUES (3, 3);
