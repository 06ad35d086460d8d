-- Rows near the largest packet that the server takes.
-- by hash
CREATE TABLE neighbour (id INT PRIMARY KEY, v INT); CREATE TABLE huge (id INT PRIMARY KEY, txt LONGTEXT);
INSERT INTO neighbour VALUES (1, 1); INSERT INTO huge VALUES (1, REPEAT('x', 30000000));
-- start
-- sync
INSERT INTO huge VALUES (2, REPEAT('0123456789', 6000000));
INSERT INTO neighbour VALUES (2, 2);
