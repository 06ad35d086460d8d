-- Statements that leave every row as it is.
CREATE TABLE default_null (id INT PRIMARY KEY, v VARCHAR(20)); INSERT INTO default_null VALUES (1, 'a'), (2, NULL);
CREATE TABLE longer LIKE default_null; CREATE TABLE changed LIKE default_null; CREATE TABLE stats LIKE default_null; CREATE TABLE charset_default LIKE default_null;
CREATE TABLE engine_again LIKE default_null; CREATE TABLE indexes LIKE default_null; CREATE TABLE partitioned LIKE default_null; CREATE TABLE set_default LIKE default_null;
CREATE TABLE invisible_column LIKE default_null; CREATE TABLE optimized LIKE default_null; CREATE TABLE checked LIKE default_null; CREATE TABLE viewed LIKE default_null;
INSERT INTO longer SELECT * FROM default_null; INSERT INTO changed SELECT * FROM default_null; INSERT INTO stats SELECT * FROM default_null; INSERT INTO charset_default SELECT * FROM default_null;
INSERT INTO engine_again SELECT * FROM default_null; INSERT INTO indexes SELECT * FROM default_null; INSERT INTO partitioned SELECT * FROM default_null; INSERT INTO set_default SELECT * FROM default_null;
INSERT INTO invisible_column SELECT * FROM default_null; INSERT INTO optimized SELECT * FROM default_null; INSERT INTO checked SELECT * FROM default_null; INSERT INTO viewed SELECT * FROM default_null;
-- start
-- sync
ALTER TABLE default_null ADD COLUMN c INT DEFAULT NULL, ADD COLUMN d TEXT;
ALTER TABLE longer MODIFY v VARCHAR(300);
ALTER TABLE changed CHANGE v w VARCHAR(20);
ALTER TABLE stats STATS_AUTO_RECALC = 1, KEY_BLOCK_SIZE = 8, COMMENT = 'of /* no */ -- importance';
ALTER TABLE charset_default DEFAULT CHARACTER SET latin1;
ALTER TABLE engine_again ENGINE = InnoDB, ROW_FORMAT = DYNAMIC, FORCE;
ALTER TABLE indexes ADD INDEX by_v (v), ADD UNIQUE (id, v);
ALTER TABLE indexes RENAME INDEX by_v TO v_index; ALTER TABLE indexes ALTER INDEX v_index INVISIBLE; DROP INDEX v_index ON indexes;
ALTER TABLE partitioned PARTITION BY HASH (id) PARTITIONS 2;
ALTER TABLE set_default ALTER COLUMN v SET DEFAULT 'later';
ALTER TABLE invisible_column ALTER COLUMN v SET INVISIBLE;
OPTIMIZE TABLE optimized; ANALYZE TABLE optimized; CHECK TABLE optimized; REPAIR TABLE optimized;
ALTER TABLE checked ADD CONSTRAINT positive CHECK (id > 0), ADD CONSTRAINT parent FOREIGN KEY (id) REFERENCES longer (id);
CREATE VIEW a_view AS SELECT * FROM viewed; DROP VIEW a_view;
INSERT INTO default_null (id) VALUES (3); INSERT INTO longer VALUES (3, REPEAT('l', 300)); INSERT INTO changed VALUES (3, 'c'); INSERT INTO stats VALUES (3, 's');
INSERT INTO charset_default VALUES (3, 'ü'); INSERT INTO engine_again VALUES (3, 'e'); INSERT INTO indexes VALUES (3, 'i'); INSERT INTO partitioned VALUES (3, 'p');
INSERT INTO set_default (id) VALUES (3); INSERT INTO invisible_column (id) VALUES (3); INSERT INTO optimized VALUES (3, 'o'); INSERT INTO checked VALUES (3, 'c'); INSERT INTO viewed VALUES (3, 'v');
