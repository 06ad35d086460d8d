-- An online schema change with a ghost table and a changelog table, as gh-ost makes them.
-- https://github.com/github/gh-ost/blob/master/doc/cheatsheet.md
CREATE TABLE t (id INT PRIMARY KEY, v INT);
INSERT INTO t VALUES (1, 1), (2, 2), (3, 3);
-- start
-- sync
CREATE TABLE _t_ghc (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, last_update TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, hint VARCHAR(64) NOT NULL, value VARCHAR(4096) NOT NULL, UNIQUE KEY hint_uidx (hint)) AUTO_INCREMENT = 256;
CREATE TABLE _t_gho LIKE t;
ALTER TABLE _t_gho ADD COLUMN n INT NOT NULL DEFAULT 7, MODIFY id BIGINT NOT NULL;
INSERT INTO _t_ghc (hint, value) VALUES ('state', 'GhostTableMigrated');
INSERT IGNORE INTO _t_gho (id, v) SELECT id, v FROM t FORCE INDEX (PRIMARY) LOCK IN SHARE MODE;
UPDATE t SET v = 20 WHERE id = 2; REPLACE INTO _t_gho (id, v) VALUES (2, 20);
DELETE FROM t WHERE id = 3; DELETE FROM _t_gho WHERE id = 3;
CREATE TABLE _t_del (id INT AUTO_INCREMENT PRIMARY KEY) COMMENT = 'ghost-cut-over-sentry';
DROP TABLE _t_del;
RENAME TABLE t TO _t_del, _t_gho TO t;
DROP TABLE _t_ghc;
INSERT INTO t (id, v) VALUES (4, 4);
-- sync
DROP TABLE _t_del;
UPDATE t SET n = 8 WHERE id = 1;
