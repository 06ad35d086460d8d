-- Values of 6 to 16 MB, which compress well, and rows behind them.
-- https://github.com/zendesk/maxwell/issues/1332, https://github.com/zendesk/maxwell/issues/1122
-- by hash
CREATE TABLE big (id INT PRIMARY KEY, txt LONGTEXT, bin LONGBLOB, v INT);
INSERT INTO big VALUES (1, REPEAT('é', 3000000), NULL, 1), (2, NULL, REPEAT(x'00FF10', 2000000), 1), (3, 'small', 'small', 1);
-- start
-- sync
INSERT INTO big SELECT id + 10, txt, bin, v FROM big;
UPDATE big SET v = 2 WHERE id IN (1, 2, 11, 12);
INSERT INTO big VALUES (20, REPEAT('0123456789', 1600000), NULL, 1);
DELETE FROM big WHERE id = 1;
INSERT INTO big VALUES (21, 'after', 'after', 1);
