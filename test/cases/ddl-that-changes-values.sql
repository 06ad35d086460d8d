-- Statements that rewrite rows without a row event, or take all of them.
CREATE TABLE computed (id INT PRIMARY KEY, v INT); INSERT INTO computed VALUES (1, 1), (2, 2);
CREATE TABLE charset_converted (id INT PRIMARY KEY, v VARCHAR(9)) CHARACTER SET utf8mb4; INSERT INTO charset_converted VALUES (1, 'ü'), (2, 'x');
CREATE TABLE truncated LIKE computed; CREATE TABLE made_not_null LIKE computed; CREATE TABLE expression LIKE computed; CREATE TABLE auto LIKE computed; CREATE TABLE replaced LIKE computed;
INSERT INTO truncated SELECT * FROM computed; INSERT INTO made_not_null VALUES (1, 1), (2, NULL); INSERT INTO expression SELECT * FROM computed; INSERT INTO auto SELECT * FROM computed; INSERT INTO replaced SELECT * FROM computed;
-- start
-- sync
ALTER TABLE computed ADD COLUMN twice INT AS (v * 2) STORED, ADD COLUMN thrice INT AS (v * 3) VIRTUAL;
ALTER TABLE charset_converted CONVERT TO CHARACTER SET latin1;
TRUNCATE truncated; INSERT INTO truncated VALUES (1, 5);
SET SESSION sql_mode = ''; ALTER TABLE made_not_null MODIFY v INT NOT NULL; SET SESSION sql_mode = DEFAULT;
ALTER TABLE expression ADD COLUMN made DATETIME DEFAULT CURRENT_TIMESTAMP, ADD COLUMN ten_times INT DEFAULT (v * 10);
ALTER TABLE auto ADD COLUMN n INT AUTO_INCREMENT UNIQUE;
ALTER TABLE replaced DROP COLUMN v, ADD COLUMN w INT NOT NULL DEFAULT 3;
UPDATE computed SET v = 20 WHERE id = 2; INSERT INTO charset_converted VALUES (3, 'é'); INSERT INTO expression (id, v) VALUES (3, 3);
INSERT INTO auto (id, v) VALUES (3, 3); INSERT INTO replaced VALUES (3, 4); INSERT INTO made_not_null VALUES (3, 3);
