-- Changes of rows in every form of statement, rolled back ones among them.
CREATE TABLE t (id INT PRIMARY KEY, v INT UNIQUE, w VARCHAR(20)); CREATE TABLE u (id INT PRIMARY KEY, v INT); CREATE TABLE no_transactions (id INT PRIMARY KEY, v INT) ENGINE = MyISAM;
INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c'); INSERT INTO u VALUES (1, 1), (2, 2), (3, 3); INSERT INTO no_transactions VALUES (1, 1), (2, 2);
-- start
-- sync
UPDATE t SET id = id + 1 ORDER BY id DESC; REPLACE INTO t VALUES (9, 2, 'replaces two'), (3, 3, 'r');
INSERT INTO t VALUES (4, 30, 'd') ON DUPLICATE KEY UPDATE w = 'updated'; INSERT IGNORE INTO t VALUES (4, 31, 'ignored');
UPDATE t JOIN u USING (id) SET t.w = 'both', u.v = 10; DELETE t, u FROM t JOIN u USING (id) WHERE t.id = 3;
START TRANSACTION; INSERT INTO t VALUES (100, 100, 'kept'); SAVEPOINT s; INSERT INTO t VALUES (101, 101, 'gone'); ROLLBACK TO s; UPDATE t SET w = 'kept too' WHERE id = 100; COMMIT;
START TRANSACTION; DELETE FROM u; ROLLBACK;
UPDATE no_transactions SET id = id + 10; DELETE FROM no_transactions WHERE id = 11; INSERT INTO no_transactions VALUES (1, 100);
START TRANSACTION; INSERT INTO u VALUES (50, 1); UPDATE u SET id = 51 WHERE id = 50; DELETE FROM u WHERE id = 51; INSERT INTO u VALUES (50, 2); COMMIT;
