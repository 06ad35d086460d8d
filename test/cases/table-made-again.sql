-- Tables that are dropped and made again: as they were, with another key, with another type of a column, and empty.
CREATE TABLE as_it_was (id INT PRIMARY KEY, v INT); CREATE TABLE other_key (a INT, b INT, PRIMARY KEY (a));
CREATE TABLE other_type (id INT PRIMARY KEY, v INT); CREATE TABLE emptied (id INT PRIMARY KEY, v INT); CREATE TABLE other_columns (id INT PRIMARY KEY, v INT);
INSERT INTO as_it_was VALUES (1, 1), (2, 2); INSERT INTO other_key VALUES (1, 10), (2, 20); INSERT INTO other_type VALUES (1, 1), (2, 2);
INSERT INTO emptied VALUES (1, 1), (2, 2); INSERT INTO other_columns VALUES (1, 1), (2, 2);
-- start
-- sync
DROP TABLE as_it_was; CREATE TABLE as_it_was (id INT PRIMARY KEY, v INT); INSERT INTO as_it_was VALUES (2, 200), (3, 300);
DROP TABLE other_key; CREATE TABLE other_key (a INT, b INT, PRIMARY KEY (b)); INSERT INTO other_key VALUES (1, 10), (1, 11);
DROP TABLE other_type; CREATE TABLE other_type (id INT PRIMARY KEY, v DATETIME); INSERT INTO other_type VALUES (2, '2024-01-01 00:00:00');
DROP TABLE emptied; CREATE TABLE emptied (id INT PRIMARY KEY, v INT);
DROP TABLE other_columns; CREATE TABLE other_columns (id INT PRIMARY KEY, w VARCHAR(9)); INSERT INTO other_columns VALUES (1, 'w');
-- sync
UPDATE other_key SET a = 2 WHERE b = 11; UPDATE as_it_was SET v = 301 WHERE id = 3;
