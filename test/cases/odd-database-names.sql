-- Databases whose names hold a dot, a dash, a blank or a letter beyond ASCII are copied whole.
-- https://github.com/airbytehq/airbyte/pull/34580, https://github.com/eventuate-local/eventuate-local/issues/6
-- include: odd_database_names*.*
CREATE DATABASE `odd_database_names.eu`; CREATE DATABASE `odd_database_names-us`;
CREATE DATABASE `odd_database_names x`; CREATE DATABASE `odd_database_namesü`;
CREATE TABLE `odd_database_names.eu`.t (id INT PRIMARY KEY, v INT); CREATE TABLE `odd_database_names-us`.t LIKE `odd_database_names.eu`.t;
CREATE TABLE `odd_database_names x`.t LIKE `odd_database_names.eu`.t; CREATE TABLE `odd_database_namesü`.t LIKE `odd_database_names.eu`.t;
INSERT INTO `odd_database_names.eu`.t VALUES (1, 1), (2, 2); INSERT INTO `odd_database_names-us`.t VALUES (1, 1), (2, 2);
INSERT INTO `odd_database_names x`.t VALUES (1, 1), (2, 2); INSERT INTO `odd_database_namesü`.t VALUES (1, 1), (2, 2);
-- start
-- sync
UPDATE `odd_database_names.eu`.t SET v = 10 WHERE id = 1; UPDATE `odd_database_names-us`.t SET v = 10 WHERE id = 1;
UPDATE `odd_database_names x`.t SET v = 10 WHERE id = 1; UPDATE `odd_database_namesü`.t SET v = 10 WHERE id = 1;
-- sync
ALTER TABLE `odd_database_names.eu`.t ADD COLUMN n INT DEFAULT 5; ALTER TABLE `odd_database_names-us`.t ADD COLUMN n INT DEFAULT 5;
ALTER TABLE `odd_database_names x`.t ADD COLUMN n INT DEFAULT 5; ALTER TABLE `odd_database_namesü`.t ADD COLUMN n INT DEFAULT 5;
INSERT INTO `odd_database_names.eu`.t VALUES (3, 3, 3); INSERT INTO `odd_database_names-us`.t VALUES (3, 3, 3);
INSERT INTO `odd_database_names x`.t VALUES (3, 3, 3); INSERT INTO `odd_database_namesü`.t VALUES (3, 3, 3);
