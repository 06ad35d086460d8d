-- A primary key that becomes another one: rows from before are neither doubled nor lost.
CREATE TABLE added_column (a INT, b INT, PRIMARY KEY (a));
CREATE TABLE moved (a INT, b INT, PRIMARY KEY (a));
CREATE TABLE wider (a INT, b INT NOT NULL, PRIMARY KEY (a));
CREATE TABLE narrower (a INT, b INT, PRIMARY KEY (a, b));
CREATE TABLE turned (a INT, b INT, PRIMARY KEY (a, b));
CREATE TABLE other_type (a INT PRIMARY KEY, b INT);
CREATE TABLE renamed (a INT PRIMARY KEY, b INT);
INSERT INTO added_column VALUES (1, 10), (2, 20); INSERT INTO moved VALUES (1, 10), (2, 20); INSERT INTO wider VALUES (1, 10), (2, 20);
INSERT INTO narrower VALUES (1, 10), (2, 20); INSERT INTO turned VALUES (1, 10), (10, 1); INSERT INTO other_type VALUES (1, 10), (2, 20);
INSERT INTO renamed VALUES (1, 10), (2, 20);
-- start
-- sync
UPDATE moved SET b = 11 WHERE a = 1; UPDATE wider SET b = 11 WHERE a = 1;
ALTER TABLE added_column DROP PRIMARY KEY, ADD COLUMN id BIGINT AUTO_INCREMENT PRIMARY KEY FIRST;
ALTER TABLE moved DROP PRIMARY KEY, ADD CONSTRAINT pk PRIMARY KEY (b);
ALTER TABLE wider DROP PRIMARY KEY, ADD PRIMARY KEY (a, b);
ALTER TABLE narrower DROP PRIMARY KEY, ADD PRIMARY KEY (a);
ALTER TABLE turned DROP PRIMARY KEY, ADD PRIMARY KEY (b, a);
ALTER TABLE other_type MODIFY a VARCHAR(9);
ALTER TABLE renamed RENAME COLUMN a TO c;
INSERT INTO added_column (a, b) VALUES (1, 10); UPDATE moved SET a = 5 WHERE b = 11; INSERT INTO wider VALUES (1, 12);
UPDATE narrower SET b = 100 WHERE a = 1; DELETE FROM turned WHERE a = 1; INSERT INTO other_type VALUES ('x', 30); DELETE FROM renamed WHERE c = 1;
