-- Databases that go with all their tables; one of them is made again.
-- include: databases_dropped*.*
CREATE DATABASE databases_dropped_plain; CREATE DATABASE `databases_dropped_my$db`; CREATE DATABASE `databases_dropped_plain.com`;
CREATE TABLE kept (id INT PRIMARY KEY, v INT);
CREATE TABLE databases_dropped_plain.t LIKE kept; CREATE TABLE databases_dropped_plain.`order items` LIKE kept;
CREATE TABLE `databases_dropped_my$db`.t LIKE kept; CREATE TABLE `databases_dropped_plain.com`.users LIKE kept;
INSERT INTO kept VALUES (1, 1); INSERT INTO databases_dropped_plain.t VALUES (1, 1), (2, 2); INSERT INTO databases_dropped_plain.`order items` VALUES (1, 1);
INSERT INTO `databases_dropped_my$db`.t VALUES (1, 1); INSERT INTO `databases_dropped_plain.com`.users VALUES (1, 1);
-- start
-- sync
DROP DATABASE databases_dropped_plain;
DROP DATABASE `databases_dropped_my$db`;
CREATE DATABASE databases_dropped_plain;
CREATE TABLE databases_dropped_plain.t (id INT PRIMARY KEY, v INT);
INSERT INTO databases_dropped_plain.t VALUES (2, 20);
INSERT INTO kept VALUES (2, 2);
INSERT INTO `databases_dropped_plain.com`.users VALUES (2, 2);
