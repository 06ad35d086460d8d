-- After a restart of the server a MEMORY table is empty.
-- https://github.com/zendesk/maxwell/pull/508, https://github.com/debezium/debezium/pull/244
-- own server
CREATE TABLE mem (id INT PRIMARY KEY, v INT) ENGINE = MEMORY;
CREATE TABLE only_read (id INT PRIMARY KEY, v INT) ENGINE = MEMORY;
CREATE TABLE t (id INT PRIMARY KEY, v INT);
INSERT INTO mem VALUES (1, 1), (2, 2); INSERT INTO only_read VALUES (1, 1); INSERT INTO t VALUES (1, 1);
-- start
-- sync
INSERT INTO mem VALUES (3, 3);
-- sync
-- restart server
-- sync
SELECT * FROM only_read;
INSERT INTO mem VALUES (9, 9);
INSERT INTO t VALUES (2, 2);
