-- Tables without a key, of which one gets a key while the others are captured.
CREATE TABLE src (id INT PRIMARY KEY, a VARCHAR(10));
CREATE TABLE keyless (a INT, b INT);
CREATE TABLE keyed_later (a INT NOT NULL, b INT);
INSERT INTO src VALUES (1, 'x');
INSERT INTO keyless VALUES (1, 1), (1, 1);
INSERT INTO keyed_later VALUES (1, 1), (2, 2);
-- start
-- sync
INSERT INTO keyless VALUES (2, 2);
INSERT INTO keyed_later VALUES (3, 3);
INSERT INTO src VALUES (2, 'y');
-- sync
ALTER TABLE keyed_later ADD PRIMARY KEY (a);
UPDATE keyed_later SET b = 20 WHERE a = 2;
INSERT INTO src VALUES (3, 'z');
