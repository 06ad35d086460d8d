-- The account may read one of three tables; the log has the rows of all. One grant comes later.
-- user: table_without_grant
CREATE TABLE seen (id INT PRIMARY KEY, v INT); CREATE TABLE unseen (id INT PRIMARY KEY, v INT); CREATE TABLE seen_later (id INT PRIMARY KEY, v INT);
INSERT INTO seen VALUES (1, 1), (2, 2); INSERT INTO unseen VALUES (1, 1), (2, 2), (3, 3); INSERT INTO seen_later VALUES (1, 1), (2, 2), (3, 3);
CREATE USER table_without_grant IDENTIFIED BY 'cases';
GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO table_without_grant;
GRANT SELECT ON table_without_grant.seen TO table_without_grant;
-- start
-- sync
UPDATE seen SET v = 10 WHERE id = 1; UPDATE unseen SET v = 10 WHERE id = 1; UPDATE seen_later SET v = 10 WHERE id = 1;
-- sync
GRANT SELECT ON table_without_grant.seen_later TO table_without_grant;
-- stop
-- start
UPDATE seen SET v = 20 WHERE id = 2; UPDATE unseen SET v = 20 WHERE id = 2; UPDATE seen_later SET v = 20 WHERE id = 2;
