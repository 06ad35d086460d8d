-- Statements as people, programs and dumps write them.
CREATE TABLE executable_comment (id INT PRIMARY KEY); CREATE TABLE comments LIKE executable_comment; CREATE TABLE prepared LIKE executable_comment; CREATE TABLE in_procedure LIKE executable_comment;
CREATE TABLE `back``tick` LIKE executable_comment; CREATE TABLE `ALTER TABLE x` LIKE executable_comment; CREATE TABLE truncated LIKE executable_comment; CREATE TABLE many_1 LIKE executable_comment; CREATE TABLE many_2 LIKE executable_comment;
CREATE TABLE renamed_1 LIKE executable_comment; CREATE TABLE renamed_2 LIKE executable_comment; CREATE TABLE legacy LIKE executable_comment; CREATE TABLE `ünïcödé` LIKE executable_comment;
INSERT INTO executable_comment VALUES (1), (2); INSERT INTO comments VALUES (1), (2); INSERT INTO prepared VALUES (1), (2); INSERT INTO in_procedure VALUES (1), (2); INSERT INTO `back``tick` VALUES (1), (2); INSERT INTO `ALTER TABLE x` VALUES (1), (2);
INSERT INTO truncated VALUES (1), (2); INSERT INTO many_1 VALUES (1), (2); INSERT INTO many_2 VALUES (1), (2); INSERT INTO renamed_1 VALUES (1), (2); INSERT INTO renamed_2 VALUES (3), (4); INSERT INTO legacy VALUES (1), (2); INSERT INTO `ünïcödé` VALUES (1), (2);
-- start
-- sync
/*!40101 ALTER TABLE executable_comment ADD COLUMN n INT DEFAULT 5 */;
alter/* why */table/**/comments # not here
  add column n int default 5 -- nor here
  , add column t varchar(9) default ';' /* DROP TABLE comments */;
PREPARE p FROM 'ALTER TABLE prepared ADD COLUMN n INT DEFAULT 5'; EXECUTE p;
CREATE PROCEDURE do_it() ALTER TABLE in_procedure ADD COLUMN n INT DEFAULT 5; CALL do_it(); DROP PROCEDURE do_it;
ALTER TABLE `back``tick` ADD n INT DEFAULT 5; ALTER TABLE ddl_spelled_oddly . `ALTER TABLE x` ADD n INT DEFAULT 5; ALTER TABLE `ünïcödé` ADD `größe` INT DEFAULT 5;
TRUNCATE`truncated`; DROP TABLES IF EXISTS many_1, not_there, many_2 CASCADE;
RENAME TABLES renamed_1 TO renamed_3, renamed_2 TO renamed_1;
ALTER TABLE legacy ADD (m INT DEFAULT 5, n INT), ALGORITHM = INPLACE, LOCK = NONE;
INSERT INTO executable_comment (id) VALUES (3); INSERT INTO comments (id) VALUES (3); INSERT INTO truncated VALUES (3); INSERT INTO renamed_1 VALUES (5); INSERT INTO legacy (id) VALUES (3);
