-- Bytes that mean nothing in the character set of their column, read by the snapshot and from the log.
CREATE TABLE copied (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET cp1250); CREATE TABLE streamed (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET cp1250); CREATE TABLE neighbour (id INT PRIMARY KEY, v INT);
INSERT INTO copied VALUES (1, 'ok'), (2, _cp1250 x'81'); INSERT INTO streamed VALUES (1, 'ok'); INSERT INTO neighbour VALUES (1, 1);
-- start
-- sync
INSERT INTO streamed VALUES (2, _cp1250 x'4181');
INSERT INTO neighbour VALUES (2, 2);
