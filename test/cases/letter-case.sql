-- A table that is renamed to the same name in other letters.
CREATE TABLE clients (id INT PRIMARY KEY, v INT);
CREATE TABLE neighbour (id INT PRIMARY KEY, v INT);
INSERT INTO clients VALUES (1, 1), (2, 2); INSERT INTO neighbour VALUES (1, 1);
-- start
-- sync
RENAME TABLE clients TO Clients;
UPDATE Clients SET v = 10 WHERE id = 1;
INSERT INTO neighbour VALUES (2, 2);
