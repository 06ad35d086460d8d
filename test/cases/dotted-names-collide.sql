-- `dotted_names_collide`.`x.y` and `dotted_names_collide.x`.`y` are two tables, whose topics would be called alike.
-- https://github.com/risingwavelabs/risingwave/issues/27005
-- include: dotted_names_collide*.*
CREATE DATABASE `dotted_names_collide.x`;
CREATE TABLE `x.y` (id INT PRIMARY KEY, v VARCHAR(20));
CREATE TABLE plain (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO `x.y` VALUES (1, 'left');
INSERT INTO plain VALUES (1, 'p');
-- start
-- sync
CREATE TABLE `dotted_names_collide.x`.`y` (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO `dotted_names_collide.x`.`y` VALUES (1, 'right'), (2, 'right');
INSERT INTO `x.y` VALUES (3, 'left');
INSERT INTO plain VALUES (2, 'behind');
