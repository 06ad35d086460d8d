-- Columns that change name, letter case, place, or swap their names.
CREATE TABLE letter_case (id INT PRIMARY KEY, surname VARCHAR(9));
CREATE TABLE swapped (id INT PRIMARY KEY, a INT, b INT);
CREATE TABLE swapped_types (id INT PRIMARY KEY, a INT, b VARCHAR(9));
CREATE TABLE moved (id INT PRIMARY KEY, a INT, b VARCHAR(9), c INT);
CREATE TABLE chain (id INT PRIMARY KEY, a INT, b INT);
CREATE TABLE away_and_back (id INT PRIMARY KEY, a INT);
INSERT INTO letter_case VALUES (1, 'x'), (2, 'y'); INSERT INTO swapped VALUES (1, 10, 100), (2, 20, 200); INSERT INTO swapped_types VALUES (1, 10, 'x'), (2, 20, 'y');
INSERT INTO moved VALUES (1, 10, 'x', 100); INSERT INTO chain VALUES (1, 10, 100), (2, 20, 200); INSERT INTO away_and_back VALUES (1, 10), (2, 20);
-- start
-- sync
ALTER TABLE letter_case RENAME COLUMN surname TO SurName;
ALTER TABLE swapped RENAME COLUMN a TO b, RENAME COLUMN b TO a;
ALTER TABLE swapped_types RENAME COLUMN a TO b, RENAME COLUMN b TO a;
ALTER TABLE moved MODIFY c INT FIRST, MODIFY a INT AFTER b;
ALTER TABLE chain RENAME COLUMN a TO c, RENAME COLUMN b TO a, ADD COLUMN b INT;
ALTER TABLE away_and_back RENAME COLUMN a TO z; ALTER TABLE away_and_back RENAME COLUMN z TO a;
UPDATE letter_case SET SurName = 'z' WHERE id = 2; UPDATE swapped SET a = 1 WHERE id = 2; UPDATE swapped_types SET a = 'z' WHERE id = 2;
INSERT INTO moved VALUES (1000, 2, 'y', 20); UPDATE chain SET b = 3 WHERE id = 2; INSERT INTO away_and_back VALUES (3, 30);
