-- Tables that come from a database that is not captured, or go to one.
-- include: tables_in_and_out.*
CREATE DATABASE tables_in_and_out_else;
CREATE TABLE goes (id INT PRIMARY KEY, v INT); CREATE TABLE tables_in_and_out_else.comes (id INT PRIMARY KEY, v INT); CREATE TABLE swapped (id INT PRIMARY KEY, v INT); CREATE TABLE tables_in_and_out_else.swapped (id INT PRIMARY KEY, w VARCHAR(9)); CREATE TABLE back_again (id INT PRIMARY KEY, v INT);
INSERT INTO goes VALUES (1, 1); INSERT INTO tables_in_and_out_else.comes VALUES (1, 1), (2, 2); INSERT INTO swapped VALUES (1, 1), (2, 2); INSERT INTO tables_in_and_out_else.swapped VALUES (1, 'x'), (3, 'y'); INSERT INTO back_again VALUES (1, 1), (2, 2), (3, 3);
-- start
-- sync
RENAME TABLE goes TO tables_in_and_out_else.goes, tables_in_and_out_else.comes TO comes;
RENAME TABLE swapped TO tables_in_and_out_else.tmp, tables_in_and_out_else.swapped TO swapped, tables_in_and_out_else.tmp TO tables_in_and_out_else.swapped;
RENAME TABLE back_again TO tables_in_and_out_else.back_again;
UPDATE tables_in_and_out_else.back_again SET v = 10 WHERE id = 1; DELETE FROM tables_in_and_out_else.back_again WHERE id = 2;
-- sync
RENAME TABLE tables_in_and_out_else.back_again TO back_again;
UPDATE comes SET v = 10 WHERE id = 1; INSERT INTO swapped VALUES (4, 'z');
