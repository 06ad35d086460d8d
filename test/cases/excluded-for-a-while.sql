-- A table that is excluded, changed, and included again.
CREATE TABLE kept (id INT PRIMARY KEY, v INT); CREATE TABLE excluded (id INT PRIMARY KEY, v INT);
INSERT INTO kept VALUES (1, 1); INSERT INTO excluded VALUES (1, 1), (2, 2), (3, 3);
-- start
-- sync
-- exclude: excluded_for_a_while.excluded
UPDATE excluded SET v = 10 WHERE id = 1; DELETE FROM excluded WHERE id = 2; INSERT INTO excluded VALUES (4, 4); INSERT INTO kept VALUES (2, 2);
-- sync
-- exclude:
UPDATE excluded SET v = 30 WHERE id = 3;
