-- An online schema change with triggers, as pt-online-schema-change makes it.
CREATE TABLE t (id INT PRIMARY KEY, v INT);
INSERT INTO t VALUES (1, 1), (2, 2), (3, 3);
-- start
-- sync
CREATE TABLE _t_new (id INT PRIMARY KEY, v INT);
ALTER TABLE _t_new DROP COLUMN v, ADD COLUMN w VARCHAR(9) DEFAULT 'w', ADD COLUMN v BIGINT;
CREATE TRIGGER pt_del AFTER DELETE ON t FOR EACH ROW DELETE IGNORE FROM _t_new WHERE _t_new.id <=> OLD.id;
CREATE TRIGGER pt_upd AFTER UPDATE ON t FOR EACH ROW REPLACE INTO _t_new (id, v) VALUES (NEW.id, NEW.v);
CREATE TRIGGER pt_ins AFTER INSERT ON t FOR EACH ROW REPLACE INTO _t_new (id, v) VALUES (NEW.id, NEW.v);
INSERT IGNORE INTO _t_new (id, v) SELECT id, v FROM t;
UPDATE t SET v = 20 WHERE id = 2; DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (4, 4);
RENAME TABLE t TO _t_old, _t_new TO t;
DROP TABLE IF EXISTS _t_old;
INSERT INTO t (id, v) VALUES (5, 5);
