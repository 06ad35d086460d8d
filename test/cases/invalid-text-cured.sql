-- Tables that have stopped for a text come back by a configuration that says what is to stand for it.
CREATE TABLE copied (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET cp1250); CREATE TABLE streamed LIKE copied; CREATE TABLE neighbour (id INT PRIMARY KEY, v INT);
INSERT INTO copied VALUES (1, 'ok'), (2, _cp1250 x'4181'); INSERT INTO streamed VALUES (1, 'ok'), (2, 'gone'); INSERT INTO neighbour VALUES (1, 1);
-- start
-- sync
INSERT INTO streamed VALUES (3, _cp1250 x'4181');
INSERT INTO neighbour VALUES (2, 2);
-- sync
DELETE FROM streamed WHERE id = 2;
-- configure: { "invalid_text_cured.*": { invalidText: replace } }
-- sync
INSERT INTO streamed VALUES (4, _cp1250 x'81');
-- shows copied: [[1, "ok"], [2, "A�"]]
-- shows streamed: [[1, "ok"], [3, "A�"], [4, "�"]]
