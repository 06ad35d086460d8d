-- Tables that are to be copied again and are gone, or called otherwise, before that.
CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b (id INT PRIMARY KEY); CREATE TABLE c (id INT PRIMARY KEY, v INT);
INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (1), (2); INSERT INTO c VALUES (1, 1), (2, 2);
-- start
-- sync
ALTER TABLE a ADD COLUMN n INT DEFAULT 5; DROP TABLE a;
ALTER TABLE b ADD COLUMN n INT DEFAULT 5; RENAME TABLE b TO b2;
CREATE TABLE _c_new LIKE c; ALTER TABLE _c_new ADD COLUMN n INT NOT NULL DEFAULT 7;
INSERT INTO _c_new (id, v) SELECT id, v FROM c;
RENAME TABLE c TO _c_old, _c_new TO c; DROP TABLE _c_old;
