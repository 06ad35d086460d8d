-- Children that go, or lose their parent, with the parent's row.
CREATE TABLE parents (id INT PRIMARY KEY); CREATE TABLE deleted (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE set_null (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE SET NULL);
INSERT INTO parents VALUES (1), (2), (3); INSERT INTO deleted VALUES (10, 1), (20, 2), (30, 3); INSERT INTO set_null VALUES (10, 1), (20, 2);
-- start
-- sync
DELETE FROM parents WHERE id = 1; UPDATE parents SET id = 4 WHERE id = 3;
