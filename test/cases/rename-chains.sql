-- Each name ends with the rows that the chain gave it; names that were passed through or left are gone.
-- https://github.com/apache/flink-cdc/issues/3137, https://github.com/zendesk/maxwell/issues/488
-- exclude: rename_chains.hidden*
CREATE DATABASE rename_chains_else;
CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(5));
CREATE TABLE b LIKE a; CREATE TABLE c LIKE a; CREATE TABLE d LIKE a; CREATE TABLE e LIKE a; CREATE TABLE f LIKE a;
CREATE TABLE g LIKE a; CREATE TABLE h LIKE a; CREATE TABLE k LIKE a; CREATE TABLE l LIKE a; CREATE TABLE hidden1 LIKE a;
INSERT INTO a VALUES (1, 'a'), (2, 'a'); INSERT INTO b VALUES (1, 'b'), (3, 'b'); INSERT INTO c VALUES (1, 'c'), (4, 'c');
INSERT INTO d VALUES (1, 'd'); INSERT INTO e VALUES (1, 'e'), (5, 'e'); INSERT INTO f VALUES (1, 'f');
INSERT INTO g VALUES (1, 'g'); INSERT INTO h VALUES (1, 'h'); INSERT INTO hidden1 VALUES (1, 'hid'), (9, 'hid');
INSERT INTO k VALUES (1, 'k'), (7, 'k'); INSERT INTO l VALUES (1, 'l'), (8, 'l');
-- start
-- sync
UPDATE a SET v = 'a1' WHERE id = 1;
-- sync
RENAME TABLE a TO tmp, b TO a, c TO b, tmp TO c;
INSERT INTO a VALUES (10, 'inA'); INSERT INTO c VALUES (10, 'inC');
ALTER TABLE d RENAME TO d_new, ADD COLUMN n INT NOT NULL DEFAULT 3;
INSERT INTO d_new VALUES (2, 'd2', 4);
RENAME TABLE e TO rename_chains_else.e;
INSERT INTO rename_chains_else.e VALUES (6, 'else');
RENAME TABLE f TO hidden2;
RENAME TABLE hidden1 TO shown;
ALTER TABLE g RENAME AS g2; ALTER TABLE g2 RENAME g3;
-- sync
RENAME TABLE k TO k_old, l TO k, k TO m;
INSERT INTO m VALUES (11, 'm');
