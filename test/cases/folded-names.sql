-- A server that folds the names of tables: the log has statements as they were typed, and rows under the folded name.
-- own server: lower_case_table_names=1
CREATE TABLE Orders (id INT PRIMARY KEY, v INT); CREATE TABLE Customers (id INT PRIMARY KEY, v INT); CREATE TABLE Dropped (id INT PRIMARY KEY, v INT); CREATE TABLE Neighbour (id INT PRIMARY KEY, v INT);
INSERT INTO Orders VALUES (1, 1), (2, 2); INSERT INTO Customers VALUES (1, 1), (2, 2); INSERT INTO Dropped VALUES (1, 1); INSERT INTO Neighbour VALUES (1, 1);
-- start
-- sync
TRUNCATE TABLE Orders; INSERT INTO ORDERS VALUES (3, 3);
ALTER TABLE oRDERS ADD COLUMN n INT NOT NULL DEFAULT (v * 2);
RENAME TABLE CUSTOMERS TO Renamed; UPDATE Renamed SET v = 10 WHERE id = 1;
DROP TABLE FOLDED_NAMES.DROPPED;
CREATE TABLE Made (id INT PRIMARY KEY, v INT); INSERT INTO Made VALUES (1, 1);
INSERT INTO Neighbour VALUES (2, 2);
