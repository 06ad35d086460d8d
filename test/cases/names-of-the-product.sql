-- Names that the warehouse uses itself, or that differ in what it does not tell apart: such a table is shown under a number.
-- https://github.com/confluentinc/kafka-connect-bigquery/issues/175
CREATE TABLE good (id INT PRIMARY KEY, v INT);
CREATE TABLE orders (id INT PRIMARY KEY, v INT);
INSERT INTO good VALUES (1, 1);
INSERT INTO orders VALUES (1, 1);
-- start
-- sync
CREATE TABLE bad (id INT PRIMARY KEY, `_cdc` INT, `_CDC_OP` VARCHAR(5));
INSERT INTO bad VALUES (1, 1, 'x');
CREATE TABLE Orders (id INT PRIMARY KEY, v INT);
INSERT INTO Orders VALUES (1, 100);
CREATE TABLE orders__history (id INT PRIMARY KEY, v INT);
INSERT INTO orders__history VALUES (1, 200);
INSERT INTO good VALUES (2, 2);
INSERT INTO orders VALUES (2, 2);
