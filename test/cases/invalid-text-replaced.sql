-- U+FFFD for what is no character, in a copy and from the log alike; the bytes are beside it. A key is never made up.
-- tables: { "invalid_text_replaced.*": { invalidText: replace } }
CREATE TABLE copied (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET cp1250, n INT); CREATE TABLE streamed LIKE copied; CREATE TABLE changed LIKE copied; CREATE TABLE neighbour (id INT PRIMARY KEY, v INT);
CREATE TABLE keyed (v VARCHAR(9) CHARACTER SET cp1250 PRIMARY KEY, n INT); CREATE TABLE keyed_later LIKE keyed;
INSERT INTO copied VALUES (1, 'ok', 1), (2, _cp1250 x'4181', 1), (3, NULL, 1), (4, '0x4181', 1); INSERT INTO streamed VALUES (1, 'ok', 1); INSERT INTO changed VALUES (1, _cp1250 x'4181', 1), (2, _cp1250 x'81', 1), (3, _cp1250 x'4181', 1);
INSERT INTO keyed VALUES (_cp1250 x'81', 1), (_cp1250 x'83', 1); INSERT INTO keyed_later VALUES ('ok', 1); INSERT INTO neighbour VALUES (1, 1);
-- start
-- sync
INSERT INTO streamed VALUES (2, _cp1250 x'4181', 1), (3, NULL, 1), (4, '0x4181', 1);
UPDATE changed SET n = 2 WHERE id = 1; DELETE FROM changed WHERE id = 2; UPDATE changed SET v = 'ok' WHERE id = 3; UPDATE changed SET id = 4 WHERE id = 1;
INSERT INTO keyed_later VALUES (_cp1250 x'81', 1), (_cp1250 x'83', 1);
INSERT INTO neighbour VALUES (2, 2);
-- shows copied: [[1, "ok", 1], [2, "A\ufffd", 1], [3, null, 1], [4, "0x4181", 1]]
-- shows copied__changes: [[1, "ok", 1, "r", null], [2, "A\ufffd", 1, "r", "{\"v\":\"0x4181\"}"], [3, null, 1, "r", null], [4, "0x4181", 1, "r", null]]
-- shows streamed: [[1, "ok", 1], [2, "A\ufffd", 1], [3, null, 1], [4, "0x4181", 1]]
-- shows streamed__changes: [[1, "ok", 1, "r", null], [2, "A\ufffd", 1, "c", "{\"v\":\"0x4181\"}"], [3, null, 1, "c", null], [4, "0x4181", 1, "c", null]]
-- shows changed: [[3, "ok", 1], [4, "A\ufffd", 2]]
-- shows changed__changes: [[1, "A\ufffd", 1, "r", "{\"v\":\"0x4181\"}"], [2, "\ufffd", 1, "r", "{\"v\":\"0x81\"}"], [3, "A\ufffd", 1, "r", "{\"v\":\"0x4181\"}"], [1, "A\ufffd", 2, "u", "{\"v\":\"0x4181\"}"], [2, "\ufffd", 1, "d", "{\"v\":\"0x81\"}"], [3, "ok", 1, "u", null], [1, "A\ufffd", 2, "d", "{\"v\":\"0x4181\"}"], [4, "A\ufffd", 2, "c", "{\"v\":\"0x4181\"}"]]
