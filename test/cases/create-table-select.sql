-- CREATE TABLE … SELECT with a key: a definition and rows in one transaction.
CREATE TABLE src (id INT PRIMARY KEY, a VARCHAR(10));
INSERT INTO src VALUES (1, 'x'), (2, 'y'), (3, 'z');
-- start
-- sync
CREATE TABLE copy (PRIMARY KEY (id)) AS SELECT id, a, id * 2 AS twice FROM src;
UPDATE copy SET a = 'copied' WHERE id = 2;
CREATE TABLE empty_copy (PRIMARY KEY (id)) AS SELECT * FROM src WHERE id > 100;
INSERT INTO src VALUES (4, 'behind');
