-- Rows that go or come with their partition have no row events.
CREATE TABLE by_range (id INT, day INT, PRIMARY KEY (id, day)) PARTITION BY RANGE (day) (PARTITION p1 VALUES LESS THAN (10), PARTITION p2 VALUES LESS THAN (20), PARTITION p3 VALUES LESS THAN MAXVALUE);
CREATE TABLE truncated LIKE by_range; CREATE TABLE exchanged LIKE by_range; CREATE TABLE reorganized LIKE by_range;
CREATE TABLE unpartitioned LIKE by_range; CREATE TABLE by_hash (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 4;
CREATE TABLE other (id INT, day INT, PRIMARY KEY (id, day));
INSERT INTO by_range VALUES (1, 1), (2, 11), (3, 21); INSERT INTO by_hash VALUES (1), (2), (3), (4);
INSERT INTO truncated SELECT * FROM by_range; INSERT INTO exchanged SELECT * FROM by_range; INSERT INTO reorganized SELECT * FROM by_range;
INSERT INTO unpartitioned SELECT * FROM by_range; INSERT INTO other VALUES (101, 12), (102, 13);
-- start
-- sync
ALTER TABLE by_range DROP PARTITION p1;
ALTER TABLE truncated TRUNCATE PARTITION p1, p2;
ALTER TABLE exchanged EXCHANGE PARTITION p2 WITH TABLE other;
ALTER TABLE reorganized REORGANIZE PARTITION p1, p2 INTO (PARTITION p12 VALUES LESS THAN (20));
ALTER TABLE unpartitioned REMOVE PARTITIONING;
ALTER TABLE by_hash COALESCE PARTITION 2;
INSERT INTO by_range VALUES (4, 15); INSERT INTO truncated VALUES (4, 5); INSERT INTO exchanged VALUES (4, 15);
INSERT INTO reorganized VALUES (4, 15); INSERT INTO unpartitioned VALUES (4, 15); INSERT INTO other VALUES (4, 15);
INSERT INTO by_hash VALUES (5);
