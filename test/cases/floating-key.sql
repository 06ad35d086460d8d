-- A key that is no exact number, in a table that was there, and in one that changes to it.
CREATE TABLE floating (k DOUBLE PRIMARY KEY, v INT); CREATE TABLE floating_later (k INT PRIMARY KEY, v INT); CREATE TABLE neighbour (id INT PRIMARY KEY, v INT);
INSERT INTO floating VALUES (0.1, 1), (1e300, 2); INSERT INTO floating_later VALUES (1, 1); INSERT INTO neighbour VALUES (1, 1);
-- start
-- sync
INSERT INTO floating VALUES (2, 2); ALTER TABLE floating_later MODIFY k FLOAT; INSERT INTO floating_later VALUES (0.1, 2); INSERT INTO neighbour VALUES (2, 2);
