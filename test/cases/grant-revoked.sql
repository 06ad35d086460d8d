-- The account loses the right to read a table that has to be copied again; one of the rights comes back.
-- user: grant_revoked
CREATE TABLE kept (id INT PRIMARY KEY, v INT); CREATE TABLE lost (id INT PRIMARY KEY, v INT); CREATE TABLE lent (id INT PRIMARY KEY, v INT);
INSERT INTO kept VALUES (1, 1); INSERT INTO lost VALUES (1, 1), (2, 2); INSERT INTO lent VALUES (1, 1), (2, 2);
CREATE USER grant_revoked IDENTIFIED BY 'cases';
GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO grant_revoked;
GRANT SELECT ON grant_revoked.kept TO grant_revoked; GRANT SELECT ON grant_revoked.lost TO grant_revoked; GRANT SELECT ON grant_revoked.lent TO grant_revoked;
-- start
-- sync
REVOKE SELECT ON grant_revoked.lost FROM grant_revoked; REVOKE SELECT ON grant_revoked.lent FROM grant_revoked;
ALTER TABLE lost ADD COLUMN n INT DEFAULT (v * 2); ALTER TABLE lent ADD COLUMN n INT DEFAULT (v * 2);
INSERT INTO kept VALUES (2, 2); UPDATE lent SET v = 10 WHERE id = 1;
-- sync
GRANT SELECT ON grant_revoked.lent TO grant_revoked;
-- stop
-- start
INSERT INTO kept VALUES (3, 3); UPDATE lent SET v = 20 WHERE id = 2;
