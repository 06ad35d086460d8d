-- XA transactions that change captured tables: their rows are in the log before anybody knows whether they are true.
CREATE TABLE committed (id INT PRIMARY KEY, v INT); CREATE TABLE rolled_back LIKE committed; CREATE TABLE one_phase LIKE committed; CREATE TABLE neighbour LIKE committed;
INSERT INTO committed VALUES (1, 1); INSERT INTO rolled_back VALUES (1, 1); INSERT INTO one_phase VALUES (1, 1); INSERT INTO neighbour VALUES (1, 1);
-- start
-- sync
XA START 'one'; INSERT INTO committed VALUES (2, 2); XA END 'one'; XA PREPARE 'one';
INSERT INTO neighbour VALUES (2, 2);
XA COMMIT 'one';
XA START 'two'; DELETE FROM rolled_back; XA END 'two'; XA PREPARE 'two'; XA ROLLBACK 'two';
XA START 'three'; INSERT INTO one_phase VALUES (2, 2); XA END 'three'; XA COMMIT 'three' ONE PHASE;
INSERT INTO neighbour VALUES (3, 3);
