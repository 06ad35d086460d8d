-- Keys of every type, copied in chunks of two rows, and keys that change to what the collation calls the same.
-- chunk rows: 2
CREATE TABLE text_ci (k VARCHAR(9) COLLATE utf8mb4_0900_ai_ci PRIMARY KEY, v INT); CREATE TABLE text_pad (k CHAR(9) CHARACTER SET latin1 COLLATE latin1_german2_ci PRIMARY KEY, v INT); CREATE TABLE text_prefix (k TEXT, v INT, PRIMARY KEY (k(5)));
CREATE TABLE bytes (k VARBINARY(9) PRIMARY KEY, v INT); CREATE TABLE fixed_bytes (k BINARY(4) PRIMARY KEY, v INT); CREATE TABLE bits (k BIT(8) PRIMARY KEY, v INT);
CREATE TABLE large (k BIGINT UNSIGNED PRIMARY KEY, v INT); CREATE TABLE exact (k DECIMAL(20, 4) PRIMARY KEY, v INT); CREATE TABLE days (k DATE PRIMARY KEY, v INT);
CREATE TABLE times (k TIME(3) PRIMARY KEY, v INT); CREATE TABLE moments (k DATETIME(6) PRIMARY KEY, v INT); CREATE TABLE stamps (k TIMESTAMP(3) PRIMARY KEY, v INT); CREATE TABLE years (k YEAR PRIMARY KEY, v INT);
CREATE TABLE members (k ENUM('z', 'a', '10', '9') PRIMARY KEY, v INT); CREATE TABLE sets (k SET('z', 'a', 'b') PRIMARY KEY, v INT); CREATE TABLE composed (a VARCHAR(9), b INT, c DATE, v INT, PRIMARY KEY (c, a, b));
INSERT INTO text_ci VALUES ('a', 1), ('B', 2), ('ß', 3), ('', 4), ('é', 5); INSERT INTO text_pad VALUES ('ä', 1), ('b', 2), ('', 3), ('O''Neil', 4), ('\\', 5); INSERT INTO text_prefix VALUES ('aaaaa1', 1), ('bbbbb1', 2), ('', 3), ('c', 4), ('d', 5);
INSERT INTO bytes VALUES (x'', 1), (x'00', 2), (x'ff', 3), (x'0000', 4), (x'61', 5); INSERT INTO fixed_bytes VALUES (x'01', 1), (x'01000001', 2), (x'ffffffff', 3); INSERT INTO bits VALUES (0, 1), (1, 2), (200, 3);
INSERT INTO large VALUES (0, 1), (9223372036854775807, 2), (9223372036854775808, 3), (18446744073709551615, 4); INSERT INTO exact VALUES (-1.5, 1), (0, 2), (1234567890123456.7891, 3), (0.0001, 4); INSERT INTO days VALUES ('1000-01-01', 1), ('1970-01-01', 2), ('9999-12-31', 3);
INSERT INTO times VALUES ('-838:59:59', 1), ('-00:00:00.001', 2), ('00:00:00', 3), ('838:59:59', 4); INSERT INTO moments VALUES ('1000-01-01', 1), ('2024-01-01 00:00:00.000001', 2), ('9999-12-31 23:59:59.999999', 3); INSERT INTO stamps VALUES ('1970-01-02', 1), ('2024-03-31 02:30:00.123', 2), ('2038-01-01', 3); INSERT INTO years VALUES (1901, 1), (2000, 2), (2155, 3);
INSERT INTO members VALUES ('z', 1), ('a', 2), ('10', 3), ('9', 4); INSERT INTO sets VALUES ('', 1), ('z', 2), ('z,b', 3), ('a', 4); INSERT INTO composed VALUES ('a', 1, '2024-01-01', 1), ('a', 2, '2024-01-01', 2), ('B', 1, '2024-01-01', 3), ('a', 1, '2023-01-01', 4), ('A', 3, '2024-01-01', 5);
-- start
-- sync
UPDATE text_ci SET k = 'A' WHERE k = 'a'; UPDATE text_ci SET v = 20 WHERE k = 'b'; DELETE FROM text_ci WHERE k = 'SS'; INSERT INTO text_ci VALUES ('e ', 6); UPDATE text_pad SET k = 'AE' WHERE k = 'ä'; UPDATE text_prefix SET k = 'aaaaa2' WHERE k = 'aaaaa1';
DELETE FROM bytes WHERE k = x'00'; UPDATE fixed_bytes SET v = 10 WHERE k = x'01000000'; UPDATE bits SET k = k + 1 WHERE k = 1; DELETE FROM large WHERE k = 18446744073709551615; UPDATE exact SET k = 0.0002 WHERE k = 0.0001; DELETE FROM days WHERE k = '1970-01-01';
UPDATE times SET v = 10 WHERE k < 0; DELETE FROM moments WHERE v = 2; UPDATE stamps SET v = 20 WHERE v = 2; DELETE FROM years WHERE k = 2000; UPDATE members SET k = '10', v = 30 WHERE k = '10'; DELETE FROM sets WHERE k = ''; UPDATE composed SET a = 'b' WHERE a = 'B';
