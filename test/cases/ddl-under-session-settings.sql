-- What a statement means depends on the session that sends it.
-- https://github.com/pingcap/tidb/issues/37910
CREATE TABLE implicit_time (id INT PRIMARY KEY);
CREATE TABLE zero_dates (id INT PRIMARY KEY);
CREATE TABLE backslashes (id INT PRIMARY KEY);
CREATE TABLE `double "quoted"` (id INT PRIMARY KEY);
INSERT INTO implicit_time VALUES (1), (2);
INSERT INTO zero_dates VALUES (1), (2);
INSERT INTO backslashes VALUES (1), (2);
INSERT INTO `double "quoted"` VALUES (1), (2);
-- start
-- sync
SET SESSION explicit_defaults_for_timestamp = OFF;
SET TIMESTAMP = 1700000000;
ALTER TABLE implicit_time ADD COLUMN ts TIMESTAMP;
SET TIMESTAMP = DEFAULT;
SET SESSION explicit_defaults_for_timestamp = ON;
INSERT INTO implicit_time (id) VALUES (3);
SET SESSION sql_mode = '';
ALTER TABLE zero_dates ADD d DATE NOT NULL, ADD dt DATETIME NOT NULL, ADD p VARCHAR(9) DEFAULT 'it''s', ADD s SERIAL;
SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';
ALTER TABLE backslashes COMMENT 'path C:\', ADD COLUMN p VARCHAR(20) DEFAULT 'D:\';
INSERT INTO backslashes VALUES (3, 'own');
SET SESSION sql_mode = 'ANSI_QUOTES';
ALTER TABLE "double ""quoted""" ADD COLUMN "n, DROP" INT DEFAULT 7;
SET SESSION sql_mode = DEFAULT;
