-- After DROP COLUMN and ADD COLUMN of one name the old values are gone.
-- https://github.com/eventuate-foundation/eventuate-cdc/issues/77
CREATE TABLE message (id INT PRIMARY KEY, body VARCHAR(30), destination VARCHAR(30));
CREATE TABLE two_steps (id INT PRIMARY KEY, a INT, b VARCHAR(10));
CREATE TABLE one_step (id INT PRIMARY KEY, a INT, b VARCHAR(10));
CREATE TABLE other_type (id INT PRIMARY KEY, a INT, b VARCHAR(10));
INSERT INTO message VALUES (1, 'm1', 'north'), (2, 'm2', 'south');
INSERT INTO two_steps VALUES (1, 10, 'x'), (2, 20, 'y');
INSERT INTO one_step VALUES (1, 10, 'x'), (2, 20, 'y');
INSERT INTO other_type VALUES (1, 10, 'x'), (2, 20, 'y');
-- start
-- sync
INSERT INTO message VALUES (3, 'm3', 'east');
-- sync
ALTER TABLE message DROP COLUMN destination;
ALTER TABLE message ADD COLUMN destination VARCHAR(30);
INSERT INTO message VALUES (4, 'm4', 'west');
ALTER TABLE two_steps DROP COLUMN b;
INSERT INTO two_steps VALUES (3, 30);
-- sync
ALTER TABLE two_steps ADD COLUMN b VARCHAR(10);
UPDATE two_steps SET b = 'new' WHERE id = 1;
ALTER TABLE one_step DROP COLUMN b, ADD COLUMN b VARCHAR(10) AFTER id;
INSERT INTO one_step VALUES (3, 'z', 30);
ALTER TABLE other_type DROP COLUMN b, ADD COLUMN b BIGINT;
INSERT INTO other_type VALUES (3, 30, 99);
