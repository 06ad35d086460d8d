import { beforeAll, describe, expect, it } from 'vitest';
import type { BinlogEvent } from '../../src/binlog/event.ts';
import { type TableId, tableName } from '../../src/change/table.ts';
import { MysqlChunkReader } from '../../src/mysql/chunk-reader.ts';
import type { TextRow } from '../../src/mysql/connection.ts';
import { OneServer } from '../../src/mysql/one-server.ts';
import { COLUMN_FIELDS, columnOf } from '../../src/mysql/table-definition.ts';
import type { ChangedTables } from '../../src/statement/changed-tables.ts';
import { readStatement, type Statement } from '../../src/statement/statement.ts';
import type { KnownDefinition, TableEffect } from '../../src/statement/table-effects.ts';
import { rowTexts } from '../support/chunk-rows.ts';
import {
  account,
  eventsUntil,
  MYSQL_URL,
  never,
  type TestDatabase,
  testDatabase,
} from './support.ts';

/**
 * What a statement costs: `kept` changes nothing that sinks have to be told of, `told` is told in
 * full (columns closed, renamed, filled with a constant, rows gone), `copied` needs a copy.
 */
type Cost = 'kept' | 'told' | 'copied';

interface Case {
  /** `T` stands for the table. */
  readonly sql: string;
  readonly cost: Cost;
  /** Statements before it. */
  readonly setup?: readonly string[];
  readonly mode?: string;
  /** Session variables of the statement. */
  readonly set?: string;
}

const STRICT = 'STRICT_TRANS_TABLES';

const COLUMNS = `
  id INT NOT NULL AUTO_INCREMENT, k INT NOT NULL DEFAULT 1, n INT, u INT UNSIGNED, big BIGINT,
  tiny TINYINT NOT NULL DEFAULT 3, d DECIMAL(10,2), f FLOAT, dbl DOUBLE, v VARCHAR(20),
  l VARCHAR(20) CHARACTER SET latin1, c CHAR(10), txt TEXT, ttxt TINYTEXT, bl BLOB,
  vb VARBINARY(20), bin BINARY(5), e ENUM('a','b','C'), s SET('x','y'), bt BIT(1), b8 BIT(8),
  y YEAR, da DATE, tm TIME, dt DATETIME, dt3 DATETIME(3), ts TIMESTAMP NULL, j JSON,
  Mixed INT`;

const ROWS = [
  `(1, 1, -5, 5, 9007199254740993, 1, 1.50, 0.1, 0.1, 'abc  ', 'é', 'c ', 'text', 't', x'00ff',
    'v  ', 'b', 'C', 'x,y', b'1', b'101', 1999, '2020-02-29', '-01:02:03', '2020-01-01 01:02:03',
    '2020-01-01 01:02:03.5', '2020-01-01 01:02:03', '{"a": 1}', 7)`,
  `(2, 1, NULL, NULL, NULL, 0${', NULL'.repeat(23)})`,
  `(3, 2, 2147483647, 4294967295, -9223372036854775808, -128, -99999999.99, 1e30, -1e300, 'ÀÉ', '',
    '', '', '', '', '', '', 'a', '', b'0', b'11111111', 2155, '9999-12-31', '838:59:59',
    '9999-12-31 23:59:59', '9999-12-31 23:59:59.999', '2037-01-01 00:00:00', '[]', 0)`,
];

const PARTITIONED = [
  'ALTER TABLE T PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (2), PARTITION p1 VALUES LESS THAN (3), PARTITION p2 VALUES LESS THAN (100))',
];
const HASHED = ['ALTER TABLE T PARTITION BY HASH (id) PARTITIONS 3'];
const MYISAM = ['ALTER TABLE T ENGINE=MyISAM'];

const kept = (...sql: readonly string[]): readonly Case[] =>
  sql.map((each) => ({ sql: each, cost: 'kept' }));
const told = (...sql: readonly string[]): readonly Case[] =>
  sql.map((each) => ({ sql: each, cost: 'told' }));
const copied = (...sql: readonly string[]): readonly Case[] =>
  sql.map((each) => ({ sql: each, cost: 'copied' }));

const CASES: readonly Case[] = [
  ...kept(
    'ALTER TABLE T',
    'ALTER TABLE T ADD x INT',
    'ALTER TABLE T ADD COLUMN x INT NULL FIRST',
    'ALTER TABLE T ADD COLUMN x VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT NULL COMMENT "a, b" AFTER id',
    'ALTER TABLE T ADD (x INT, y2 DECIMAL(10,2) NULL)',
    'ALTER TABLE T ADD COLUMN (x INT UNIQUE, KEY (n), INDEX named (v), CHECK (n <> 8))',
    'ALTER TABLE T ADD x INT UNIQUE KEY',
    'ALTER TABLE T ADD x INT INVISIBLE',
    'ALTER TABLE T ADD x TEXT, ADD y2 JSON, ADD z GEOMETRY, ADD w BLOB',
    'ALTER TABLE T ADD x POINT SRID 4326',
    'ALTER TABLE T ADD x DATETIME ON UPDATE CURRENT_TIMESTAMP',
    'ALTER TABLE T ADD x TIMESTAMP NULL',
    'ALTER TABLE T ADD x TIMESTAMP',
    'ALTER TABLE T ADD x TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP(0)',
    'ALTER TABLE T ADD x INT REFERENCES other (id) ON DELETE SET NULL ON UPDATE CASCADE',
    'ALTER TABLE T ADD x INT CONSTRAINT T_positive CHECK (x > 0) NOT ENFORCED',
    "ALTER TABLE T ADD x INT COLUMN_FORMAT DEFAULT STORAGE DEFAULT COMMENT 'DEFAULT 5'",
    'ALTER TABLE T ADD `default` INT, ADD `not` INT',
    'ALTER TABLE T ADD x INT PARTITION BY HASH (id) PARTITIONS 2',
    'ALTER TABLE T ADD x INT, ALGORITHM=INSTANT',
    'ALTER TABLE T ADD x INT, LOCK=NONE, ALGORITHM=INPLACE',
    'ALTER TABLE T ADD INDEX (n), ADD UNIQUE u1 (v, id), ADD FULLTEXT (txt), ADD KEY (v DESC)',
    'ALTER TABLE T ADD CONSTRAINT UNIQUE (id), ADD CONSTRAINT T_u UNIQUE KEY (k, id)',
    'ALTER TABLE T ADD CONSTRAINT CHECK (k > 0), ADD CHECK (k > 0) NOT ENFORCED',
    'ALTER TABLE T ADD INDEX ((n + 1)), ADD INDEX (v(5)) INVISIBLE COMMENT "PRIMARY KEY"',
    'CREATE INDEX i ON T (n)',
    'ALTER TABLE T ALTER n SET DEFAULT 9',
    'ALTER TABLE T ALTER COLUMN n SET DEFAULT (1 + 1)',
    'ALTER TABLE T ALTER tiny DROP DEFAULT',
    'ALTER TABLE T ALTER n SET INVISIBLE',
    "ALTER TABLE T COMMENT 'ADD COLUMN x INT DEFAULT 5'",
    "ALTER TABLE T COMMENT='it''s \\'; -- '",
    'ALTER TABLE T AUTO_INCREMENT = 99 ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE 4',
    'ALTER TABLE T STATS_PERSISTENT=1, STATS_AUTO_RECALC=DEFAULT, STATS_SAMPLE_PAGES=5',
    'ALTER TABLE T MAX_ROWS=5 MIN_ROWS=1 AVG_ROW_LENGTH=9 CHECKSUM=1 PACK_KEYS=1 DELAY_KEY_WRITE=1',
    "ALTER TABLE T COMPRESSION='none'",
    "ALTER TABLE T ENCRYPTION='N'",
    'ALTER TABLE T DEFAULT CHARACTER SET latin1',
    'ALTER TABLE T CHARSET latin1 COLLATE latin1_bin',
    'ALTER TABLE T COLLATE = utf8mb4_bin',
    'ALTER TABLE T ENGINE=InnoDB',
    'ALTER TABLE T ENGINE = MyISAM COMMENT "x"',
    'ALTER TABLE T FORCE',
    'ALTER TABLE T ORDER BY n, v DESC',
    'ALTER TABLE T DISABLE KEYS',
    'ALTER TABLE T ENABLE KEYS',
    'ALTER TABLE T TABLESPACE innodb_file_per_table',
    'ALTER TABLE T SECONDARY_ENGINE = NULL',
    'ALTER TABLE T INSERT_METHOD=NO',
    'ALTER TABLE T PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (2), PARTITION p1 VALUES LESS THAN MAXVALUE)',
    'OPTIMIZE TABLE T',
    'ANALYZE TABLE T',
    'CHECK TABLE T',
    'ALTER TABLE T MODIFY n BIGINT',
    'ALTER TABLE T MODIFY u BIGINT',
    'ALTER TABLE T MODIFY n INT(11) COMMENT "x"',
    'ALTER TABLE T MODIFY COLUMN d DECIMAL(12,2) DEFAULT 5',
    'ALTER TABLE T MODIFY v VARCHAR(300)',
    'ALTER TABLE T MODIFY v VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin FIRST',
    'ALTER TABLE T MODIFY l VARCHAR(30) CHARACTER SET latin1',
    'ALTER TABLE T MODIFY l VARCHAR(20) COLLATE latin1_bin',
    'ALTER TABLE T MODIFY c CHAR(12), MODIFY v TEXT',
    'ALTER TABLE T MODIFY c VARCHAR(10)',
    'ALTER TABLE T MODIFY txt LONGTEXT, MODIFY ttxt MEDIUMTEXT, MODIFY bl MEDIUMBLOB, MODIFY vb BLOB',
    'ALTER TABLE T MODIFY vb VARBINARY(21)',
    "ALTER TABLE T MODIFY e ENUM('a','b','C','d'), MODIFY s SET('x','y','z')",
    'ALTER TABLE T MODIFY tm TIME(3), MODIFY dt DATETIME(2), MODIFY y YEAR, MODIFY da DATE',
    'ALTER TABLE T MODIFY ts TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP',
    'ALTER TABLE T MODIFY ts TIMESTAMP',
    'ALTER TABLE T MODIFY id BIGINT NOT NULL AUTO_INCREMENT',
    'ALTER TABLE T MODIFY tiny SMALLINT',
    'ALTER TABLE T CHANGE n n INT NULL',
    'ALTER TABLE T CHANGE COLUMN `n` `n` BIGINT DEFAULT -1 COMMENT "no"',
  ),
  ...told(
    'ALTER TABLE T DROP n',
    'ALTER TABLE T DROP COLUMN n, DROP v',
    'ALTER TABLE T DROP COLUMN MIXED',
    'ALTER TABLE T DROP n, ADD n INT',
    'ALTER TABLE T DROP n, ADD n VARCHAR(10)',
    'ALTER TABLE T DROP COLUMN n, ADD COLUMN n INT NOT NULL DEFAULT 5',
    'ALTER TABLE T RENAME COLUMN n TO n2',
    'ALTER TABLE T RENAME COLUMN n TO u, RENAME COLUMN u TO n',
    'ALTER TABLE T RENAME COLUMN n TO n2, ADD n INT',
    'ALTER TABLE T DROP n, RENAME COLUMN u TO n',
    'ALTER TABLE T RENAME COLUMN MIXED TO mixed',
    'ALTER TABLE T CHANGE Mixed mixed INT',
    'ALTER TABLE T CHANGE n n2 INT',
    'ALTER TABLE T CHANGE n n2 BIGINT NULL AFTER v',
    'ALTER TABLE T CHANGE n u INT, CHANGE u n INT UNSIGNED',
    'ALTER TABLE T ADD x INT DEFAULT 5',
    "ALTER TABLE T ADD x INT NOT NULL DEFAULT '007', ADD y2 BIGINT DEFAULT -9223372036854775808",
    'ALTER TABLE T ADD x BIGINT UNSIGNED NOT NULL DEFAULT 18446744073709551615',
    'ALTER TABLE T ADD x INT(5) ZEROFILL NOT NULL DEFAULT 42',
    'ALTER TABLE T ADD x TINYINT(1) NOT NULL DEFAULT TRUE, ADD y2 BOOL DEFAULT FALSE',
    'ALTER TABLE T ADD x DECIMAL(10,2) NOT NULL DEFAULT 1.5, ADD y2 DECIMAL DEFAULT 7, ADD z NUMERIC(5,3) DEFAULT "-00.5"',
    'ALTER TABLE T ADD x DECIMAL(2,2) DEFAULT .25, ADD y2 DEC(4,1) ZEROFILL DEFAULT 1',
    'ALTER TABLE T ADD x FLOAT DEFAULT 3, ADD y2 DOUBLE NOT NULL DEFAULT 0, ADD z DOUBLE PRECISION DEFAULT -12.0, ADD w REAL DEFAULT 8',
    "ALTER TABLE T ADD x BIT NOT NULL DEFAULT b'1', ADD y2 BIT(1) DEFAULT 0, ADD z BIT DEFAULT 0b0",
    "ALTER TABLE T ADD x YEAR DEFAULT 2020, ADD y2 YEAR NOT NULL DEFAULT '1999'",
    "ALTER TABLE T ADD x DATE DEFAULT '2024-02-29', ADD y2 DATE NOT NULL DEFAULT '1000-01-01'",
    "ALTER TABLE T ADD x DATETIME DEFAULT '1999-12-31 23:59:59', ADD y2 DATETIME(6) DEFAULT '9999-12-31 23:59:59.123456', ADD z DATETIME(3) DEFAULT '2020-01-01 00:00:00.5'",
    "ALTER TABLE T ADD x TIME DEFAULT '12:34:56', ADD y2 TIME(2) DEFAULT '837:00:01.25'",
    "ALTER TABLE T ADD x VARCHAR(9) NOT NULL DEFAULT 'x y', ADD y2 CHAR(3) DEFAULT '', ADD z VARCHAR(5) DEFAULT 'ab  '",
    "ALTER TABLE T ADD x VARCHAR(20) DEFAULT 'a\\'b''c\\\\d\"e', ADD y2 VARCHAR(9) DEFAULT \"it's\"",
    "ALTER TABLE T ADD x VARCHAR(20) CHARACTER SET ucs2 DEFAULT 'abc', ADD y2 NVARCHAR(3) DEFAULT 'n'",
    "ALTER TABLE T ADD x VARCHAR(20) DEFAULT '/* no */ # -- '",
    "ALTER TABLE T ADD x ENUM('on','off') NOT NULL DEFAULT 'off', ADD y2 ENUM('a','it''s') DEFAULT 'it''s'",
    'ALTER TABLE T ADD (x INT DEFAULT 1, y2 INT, z VARCHAR(3) DEFAULT "z")',
    'ALTER TABLE T ADD x INT /*!50000 NOT NULL */ DEFAULT /* 6 */ 5 -- 7',
    'ALTER TABLE T ADD x INT DEFAULT 5 PARTITION BY HASH (id) PARTITIONS 2',
    'ALTER TABLE T ADD x INT DEFAULT 5, DEFAULT CHARACTER SET latin1',
    'TRUNCATE T',
    'DROP TABLE T',
    'RENAME TABLE T TO T_renamed',
    'ALTER TABLE T RENAME T_renamed',
    'ALTER TABLE T RENAME = T_renamed, ADD x INT DEFAULT 5',
  ),
  ...copied(
    'ALTER TABLE T ADD x INT NOT NULL',
    'ALTER TABLE T ADD x VARCHAR(20) NOT NULL',
    'ALTER TABLE T ADD x INT DEFAULT (1 + 1)',
    'ALTER TABLE T ADD x DATETIME DEFAULT CURRENT_TIMESTAMP',
    'ALTER TABLE T ADD x DATETIME(6) NOT NULL DEFAULT NOW(6)',
    "ALTER TABLE T ADD x TIMESTAMP DEFAULT '2020-01-01 00:00:00'",
    'ALTER TABLE T ADD x INT AS (n + 1)',
    'ALTER TABLE T ADD x SERIAL, DROP PRIMARY KEY, MODIFY id INT NOT NULL',
    'ALTER TABLE T ADD x DECIMAL(4,1) DEFAULT 1.25',
    'ALTER TABLE T ADD x INT DEFAULT 1.5',
    'ALTER TABLE T ADD x INT DEFAULT 1e2',
    'ALTER TABLE T ADD x DECIMAL(4,1) DEFAULT -0.0',
    'ALTER TABLE T ADD x FLOAT DEFAULT 0.1',
    'ALTER TABLE T ADD x FLOAT(7,2) DEFAULT 1',
    'ALTER TABLE T ADD x DOUBLE DEFAULT 0.1',
    "ALTER TABLE T ADD x INT DEFAULT x'0a'",
    "ALTER TABLE T ADD x VARCHAR(9) DEFAULT x'41'",
    "ALTER TABLE T ADD x VARCHAR(9) DEFAULT _latin1'x'",
    "ALTER TABLE T ADD x VARCHAR(9) DEFAULT N'x'",
    "ALTER TABLE T ADD x VARCHAR(9) DEFAULT 'é'",
    "ALTER TABLE T ADD x VARCHAR(9) DEFAULT 'a' 'b'",
    'ALTER TABLE T ADD x VARCHAR(9) DEFAULT 5',
    "ALTER TABLE T ADD x CHAR(9) DEFAULT 'a '",
    "ALTER TABLE T ADD x BINARY(3) DEFAULT 'a'",
    "ALTER TABLE T ADD x VARBINARY(3) DEFAULT 'a'",
    "ALTER TABLE T ADD x VARCHAR(3) CHARACTER SET binary DEFAULT 'a'",
    "ALTER TABLE T ADD x VARCHAR(3) DEFAULT 'a', DEFAULT CHARSET binary",
    "ALTER TABLE T DEFAULT CHARSET binary, ADD x VARCHAR(3) DEFAULT 'a'",
    "ALTER TABLE T ADD x CHAR(3) BYTE DEFAULT 'a'",
    "ALTER TABLE T ADD x BIT(8) DEFAULT b'101'",
    "ALTER TABLE T ADD x DATE DEFAULT '20200101'",
    "ALTER TABLE T ADD x DATETIME DEFAULT '2020-01-01'",
    "ALTER TABLE T ADD x DATETIME DEFAULT '2020-01-01 00:00:00.9'",
    'ALTER TABLE T ADD x YEAR DEFAULT 20',
    "ALTER TABLE T ADD x ENUM('a','b') NOT NULL",
    "ALTER TABLE T ADD x ENUM('a','b') DEFAULT 'B'",
    "ALTER TABLE T ADD x SET('a','b') DEFAULT 'b,a'",
    'ALTER TABLE T MODIFY n VARCHAR(20)',
    'ALTER TABLE T MODIFY n DOUBLE',
    'ALTER TABLE T MODIFY d DECIMAL(12,3)',
    'ALTER TABLE T MODIFY d DECIMAL(10,1)',
    'ALTER TABLE T MODIFY f DOUBLE',
    'ALTER TABLE T MODIFY v CHAR(20)',
    'ALTER TABLE T MODIFY v VARCHAR(30) CHARACTER SET latin1',
    'ALTER TABLE T MODIFY v VARBINARY(200)',
    'ALTER TABLE T MODIFY l VARCHAR(30)',
    'ALTER TABLE T MODIFY txt VARCHAR(3000)',
    'ALTER TABLE T MODIFY txt TINYTEXT',
    'ALTER TABLE T MODIFY bin BINARY(9)',
    'ALTER TABLE T MODIFY bin VARBINARY(9)',
    'ALTER TABLE T MODIFY bl TEXT CHARACTER SET latin1',
    "ALTER TABLE T MODIFY e ENUM('a','C','b')",
    "ALTER TABLE T MODIFY e ENUM('a','C')",
    'ALTER TABLE T MODIFY e VARCHAR(9)',
    'ALTER TABLE T MODIFY bt BIT(2)',
    'ALTER TABLE T MODIFY bt INT',
    'ALTER TABLE T MODIFY dt DATETIME(6)',
    'ALTER TABLE T MODIFY dt DATE',
    'ALTER TABLE T MODIFY da DATETIME',
    'ALTER TABLE T MODIFY ts TIMESTAMP(3) NULL',
    'ALTER TABLE T MODIFY ts DATETIME',
    'ALTER TABLE T MODIFY y INT',
    'ALTER TABLE T MODIFY j TEXT',
    'ALTER TABLE T CONVERT TO CHARACTER SET latin1',
    'ALTER TABLE T CONVERT TO CHARACTER SET latin1, DROP n, RENAME COLUMN u TO n',
    'ALTER TABLE T CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
    'ALTER TABLE T DROP PRIMARY KEY, ADD PRIMARY KEY (id)',
    'ALTER TABLE T DROP PRIMARY KEY, ADD CONSTRAINT pk PRIMARY KEY (k, id), ADD KEY (id)',
    'ALTER TABLE T MODIFY id INT NOT NULL, DROP PRIMARY KEY',
    'ALTER TABLE T MODIFY id INT NOT NULL, DROP INDEX `PRIMARY`',
    'ALTER TABLE T DROP COLUMN k',
    'ALTER TABLE T DROP COLUMN K',
    'ALTER TABLE T RENAME COLUMN k TO k2',
    'ALTER TABLE T CHANGE id ident INT NOT NULL AUTO_INCREMENT',
    'ALTER TABLE T MODIFY id INT NOT NULL, DROP PRIMARY KEY, ADD pk INT NOT NULL AUTO_INCREMENT KEY FIRST',
    'ALTER TABLE T ENGINE=BLACKHOLE',
    'REPAIR TABLE T',
  ),
  ...copied(
    "ALTER TABLE T COMMENT 'C:\\', ADD x VARCHAR(9) NOT NULL DEFAULT 'x', ADD y2 INT NOT NULL",
  ).map((each) => ({ ...each, mode: 'NO_BACKSLASH_ESCAPES' })),
  ...told("ALTER TABLE T COMMENT 'C:\\', ADD x VARCHAR(9) NOT NULL DEFAULT 'D:\\'").map((each) => ({
    ...each,
    mode: `NO_BACKSLASH_ESCAPES,${STRICT}`,
  })),
  ...told(
    'ALTER TABLE "T" RENAME COLUMN "n" TO "a""b"',
    `ALTER TABLE "T" ADD "x" VARCHAR(9) DEFAULT '"'`,
    "ALTER TABLE T ADD x REAL DEFAULT 5, ADD y2 VARCHAR(5) DEFAULT 'y'",
  ).map((each) => ({ ...each, mode: 'ANSI' })),
  ...copied('ALTER TABLE T ADD x TIMESTAMP', 'ALTER TABLE T MODIFY ts TIMESTAMP').map((each) => ({
    ...each,
    set: 'explicit_defaults_for_timestamp = OFF',
    mode: '',
  })),
  ...kept('ALTER TABLE T ADD x TIMESTAMP NULL', 'ALTER TABLE T MODIFY ts TIMESTAMP NULL').map(
    (each) => ({ ...each, set: 'explicit_defaults_for_timestamp = OFF', mode: '' }),
  ),
  ...copied(
    'ALTER TABLE T MODIFY n INT NOT NULL',
    'ALTER TABLE T ADD x TINYINT DEFAULT 5.6',
    'ALTER TABLE T ADD x DATE DEFAULT "0000-00-00"',
    'ALTER TABLE T MODIFY n TINYINT',
    'ALTER TABLE T MODIFY v VARCHAR(2)',
    'ALTER TABLE T ADD x INT GENERATED ALWAYS AS (n + 1) STORED',
    'ALTER TABLE T MODIFY n SMALLINT UNSIGNED',
    'ALTER TABLE T MODIFY u INT',
    'ALTER TABLE T MODIFY dbl FLOAT',
    'ALTER TABLE T CHANGE n n2 TINYINT',
    'ALTER TABLE T MODIFY dt3 DATETIME',
    'ALTER TABLE T MODIFY tm TIME NULL, MODIFY dt3 DATETIME(1)',
    'ALTER TABLE T MODIFY v VARCHAR(4)',
  ).map((each) => ({ ...each, mode: '' })),
  ...kept('ALTER TABLE T MODIFY n INT NOT NULL').map((each) => ({
    ...each,
    mode: STRICT,
    setup: ['DELETE FROM T WHERE n IS NULL'],
  })),
  ...kept('ALTER TABLE T MODIFY n INT NOT NULL').map((each) => ({
    ...each,
    mode: STRICT,
    setup: [...MYISAM, 'DELETE FROM T WHERE n IS NULL'],
  })),
  ...copied('ALTER TABLE T MODIFY c VARCHAR(10)').map((each) => ({
    ...each,
    mode: 'PAD_CHAR_TO_FULL_LENGTH',
  })),
  ...copied('ALTER TABLE T MODIFY id INT NOT NULL AUTO_INCREMENT').map((each) => ({
    ...each,
    setup: ['ALTER TABLE T MODIFY id INT NOT NULL', 'UPDATE T SET id = 0 WHERE id = 3'],
  })),
  ...copied(
    'ALTER TABLE T MODIFY n BIGINT',
    'ALTER TABLE T MODIFY v VARCHAR(20) COLLATE utf8mb4_bin',
  ).map((each) => ({ ...each, setup: ["ALTER TABLE T ADD g INT AS (v = 'ÀÉ')"] })),
  ...told('ALTER TABLE T DROP COLUMN g', 'ALTER TABLE T DROP COLUMN d, ADD x INT DEFAULT 1').map(
    (each) => ({ ...each, setup: ['ALTER TABLE T ADD g INT AS (n + 1)'] }),
  ),
  ...kept(
    'ALTER TABLE T DROP INDEX i',
    'DROP INDEX i ON T',
    'ALTER TABLE T RENAME INDEX i TO i2',
    'ALTER TABLE T ALTER INDEX i INVISIBLE',
    'ALTER TABLE T DROP KEY i, ADD KEY i (v)',
  ).map((each) => ({ ...each, setup: ['ALTER TABLE T ADD INDEX i (n)'] })),
  ...kept(
    'ALTER TABLE T DROP CHECK T_ch',
    'ALTER TABLE T DROP CONSTRAINT T_ch',
    'ALTER TABLE T ALTER CHECK T_ch NOT ENFORCED',
    'ALTER TABLE T ALTER CONSTRAINT T_ch NOT ENFORCED',
  ).map((each) => ({ ...each, setup: ['ALTER TABLE T ADD CONSTRAINT T_ch CHECK (k > 0)'] })),
  ...kept('ALTER TABLE T DROP FOREIGN KEY T_fk').map((each) => ({
    ...each,
    setup: ['ALTER TABLE T ADD CONSTRAINT T_fk FOREIGN KEY (n) REFERENCES parent (id)'],
  })),
  ...kept('ALTER TABLE T ADD FOREIGN KEY (n) REFERENCES parent (id) ON DELETE CASCADE'),
  ...copied('ALTER TABLE T MODIFY id INT NOT NULL, DROP CONSTRAINT `PRIMARY`'),
  ...copied('DROP INDEX `PRIMARY` ON T').map((each) => ({
    ...each,
    setup: ['ALTER TABLE T MODIFY id INT NOT NULL'],
  })),
  ...kept(
    'ALTER TABLE T REORGANIZE PARTITION p0, p1 INTO (PARTITION p01 VALUES LESS THAN (3))',
    'ALTER TABLE T ADD PARTITION (PARTITION p3 VALUES LESS THAN (200), PARTITION p4 VALUES LESS THAN (300))',
    'ALTER TABLE T REBUILD PARTITION p0, p1',
    'ALTER TABLE T OPTIMIZE PARTITION ALL',
    'ALTER TABLE T ANALYZE PARTITION p0, p1',
    'ALTER TABLE T CHECK PARTITION p0',
    'ALTER TABLE T REMOVE PARTITIONING',
    'ALTER TABLE T ADD x INT REMOVE PARTITIONING',
    'ALTER TABLE T PARTITION BY KEY (id) PARTITIONS 2',
  ).map((each) => ({ ...each, setup: PARTITIONED })),
  ...told(
    'ALTER TABLE T DROP PARTITION p0, p1',
    'ALTER TABLE T DROP PARTITION p2',
    'ALTER TABLE T TRUNCATE PARTITION p0, p2',
    'ALTER TABLE T TRUNCATE PARTITION ALL',
    'ALTER TABLE T ALGORITHM=INPLACE, DROP PARTITION p1',
    'ALTER TABLE T ADD x INT DEFAULT 5 REMOVE PARTITIONING',
  ).map((each) => ({ ...each, setup: PARTITIONED })),
  ...copied('ALTER TABLE T EXCHANGE PARTITION p1 WITH TABLE T_other WITHOUT VALIDATION').map(
    (each) => ({
      ...each,
      setup: ['CREATE TABLE T_other LIKE T', ...PARTITIONED],
    }),
  ),
  ...copied('ALTER TABLE T REPAIR PARTITION ALL').map((each) => ({ ...each, setup: PARTITIONED })),
  ...kept('ALTER TABLE T COALESCE PARTITION 1', 'ALTER TABLE T ADD PARTITION PARTITIONS 2').map(
    (each) => ({ ...each, setup: HASHED }),
  ),
];

/** Columns by name; numbers as their text. */
type Row = ReadonlyMap<string, unknown>;

interface State {
  readonly definition: KnownDefinition;
  /** By key. `undefined` where there is no table, or none that can be read in key order. */
  readonly rows: ReadonlyMap<string, Row> | undefined;
}

interface Outcome {
  readonly before: State;
  readonly after: State | undefined;
  /** The server's error. */
  readonly refused: unknown;
  readonly effects: readonly TableEffect[];
}

class Bench {
  readonly #db: TestDatabase;
  readonly #reader: MysqlChunkReader;

  constructor(db: TestDatabase, reader: MysqlChunkReader) {
    this.#db = db;
    this.#reader = reader;
  }

  id(table: string): TableId {
    return { database: this.#db.name, table };
  }

  async state(table: string): Promise<State | undefined> {
    const definition = await this.#definition(table);
    if (definition.columns.length === 0) return undefined;
    return { definition, rows: definition.key.length === 0 ? undefined : await this.#rows(table) };
  }

  async #rows(table: string): Promise<ReadonlyMap<string, Row>> {
    const id = this.id(table);
    this.#reader.forget(tableName(id));
    const request = { table: id, maxRows: 100, maxBytes: 1e9, barrier: await this.#db.executed() };
    const { rows } = await this.#reader.readChunk(request, never);
    return new Map(rowTexts(rows).map(({ key, row }) => [key, rowOf(row)]));
  }

  async #definition(table: string): Promise<KnownDefinition> {
    const { session, name } = this.#db;
    const ask = (sql: string): Promise<readonly TextRow[]> =>
      session.query(sql, 'test', [name, table]);
    const where = 'TABLE_SCHEMA = ? AND TABLE_NAME = ?';
    const columns = await ask(
      `SELECT ${COLUMN_FIELDS}, EXTRA AS extra FROM information_schema.COLUMNS WHERE ${where} ORDER BY ORDINAL_POSITION`,
    );
    const key = await ask(
      `SELECT COLUMN_NAME AS name FROM information_schema.STATISTICS WHERE ${where} AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX`,
    );
    const [options] = await ask(
      `SELECT TABLE_COLLATION AS collation FROM information_schema.TABLES WHERE ${where}`,
    );
    return {
      columns: columns.map((row) => ({
        ...columnOf(row),
        fullType: `${row['fullType']}${row['charset'] ? ` charset ${row['charset']}` : ''}`,
        extra: row['extra'] ?? '',
      })),
      key: key.map((row) => row['name'] ?? ''),
      defaultCharset: options?.['collation']?.split('_')[0] ?? '',
    };
  }
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

function rowOf(text: string): Row {
  const exact: Reviver = (_, value, { source }) => (typeof value === 'number' ? source : value);
  const parsed: unknown = JSON.parse(text, exact as (key: string, value: unknown) => unknown);
  return new Map(Object.entries(parsed as object));
}

/** What a sink has that follows the effects without a copy, by the columns of the source. */
function followed(
  { rows, definition: { columns } }: State,
  effects: readonly TableEffect[],
  now: KnownDefinition,
): ReadonlyMap<string, Row> {
  if (effects.some(({ kind }) => kind === 'emptied' || kind === 'dropped')) return new Map();
  const names = columns.map(({ name }) => name);
  const changes = effects.flatMap((effect) => (effect.kind === 'columns' ? [effect.changes] : []));
  const closed = new Set(changes.flatMap((change) => change.closed));
  const renamed = new Map(
    changes.flatMap((change) => change.renamed.map(({ from, to }) => [from, to] as const)),
  );
  const kept = names
    .filter((name) => !closed.has(name))
    .map((name) => [name, renamed.get(name) ?? name] as const);
  const constants = changes.flatMap((change) =>
    change.defaults.map(({ name, value }) => [name, rowOf(`{"v":${value}}`).get('v')] as const),
  );
  return new Map(
    [...(rows ?? [])].map(([key, row]) => {
      const moved = new Map([
        ...kept.map(([from, to]) => [to, row.get(from)] as const),
        ...constants,
      ]);
      return [key, new Map(now.columns.map(({ name }) => [name, moved.get(name) ?? null]))];
    }),
  );
}

const COPIES: readonly string[] = ['rewritten', 'replaced', 'keyChanged'];

function costOf(effects: readonly TableEffect[]): Cost {
  if (effects.some(({ kind }) => COPIES.includes(kind))) return 'copied';
  return effects.some(({ kind }) => kind !== 'touched') ? 'told' : 'kept';
}

/** A case in one line, for its title. */
const titleOf = ({ sql, mode, set, setup }: Case): string =>
  [
    sql,
    mode === undefined ? '' : `[sql_mode ${mode || 'empty'}]`,
    set ?? '',
    setup?.[0]?.slice(0, 60) ?? '',
  ]
    .filter((part) => part !== '')
    .join(' · ');

describe.skipIf(!MYSQL_URL)('what a statement did to a table', () => {
  const outcomes = new Map<Case, Outcome>();

  async function prepare(
    db: TestDatabase,
    table: string,
    setup: readonly string[] = [],
  ): Promise<void> {
    await db.run(
      `SET SESSION sql_mode = '${STRICT}', explicit_defaults_for_timestamp = ON`,
      `CREATE TABLE ${table} (${COLUMNS}, PRIMARY KEY (id, k)) DEFAULT CHARSET utf8mb4`,
      `INSERT INTO ${table} VALUES ${ROWS.join(', ')}`,
      ...setup.map((sql) => sql.replaceAll(/\bT(?=\b|_)/g, table)),
    );
  }

  beforeAll(async () => {
    await using db = await testDatabase({ time_zone: "'+00:00'" });
    await using closing = new AsyncDisposableStack();
    const reader = closing.adopt(new MysqlChunkReader(new OneServer(account())), (it) =>
      it.close(),
    );
    const bench = new Bench(db, reader);
    await db.run('SET foreign_key_checks = 0', 'CREATE TABLE parent (id INT PRIMARY KEY)');
    const states: Omit<Outcome, 'effects'>[] = [];
    const beginning = await db.executed();
    for (const [index, { sql, setup, mode, set }] of CASES.entries()) {
      const table = `t${index}`;
      await prepare(db, table, setup).catch((cause: unknown) => {
        throw new Error(`setup of ${sql}: ${String(setup)}`, { cause });
      });
      const before = await bench.state(table);
      if (mode !== undefined) await db.run(`SET SESSION sql_mode = '${mode}'`);
      if (set !== undefined) await db.run(`SET SESSION ${set}`);
      const marked = `/* case ${index} */ ${sql.replaceAll(/\bT(?=\b|_)/g, table)}`;
      const refused = await db.run(marked).then(
        () => undefined,
        (error: unknown) => error,
      );
      states.push({ before: before!, after: await bench.state(table), refused });
    }
    for (const [index, state] of states.entries())
      outcomes.set(CASES[index]!, { ...state, effects: [] });
    await db.run('CREATE TABLE the_end (id INT)');
    const isEnd = (event: BinlogEvent): boolean =>
      event.kind === 'query' && event.sql.includes('the_end');
    for (const event of await eventsUntil(beginning, isEnd)) {
      if (event.kind !== 'query') continue;
      const mark = /case (\d+) /.exec(event.sql) ?? /DROP TABLE `t(\d+)`/.exec(event.sql);
      if (!mark) continue;
      const index = Number(mark[1]);
      const state = states[index]!;
      const statement = readStatement(
        event.sql,
        { ...event, lowerCaseNames: false },
        () => state.before.definition,
      );
      const all = statement.kind === 'ddl' ? statement.effects : [];
      const effects = all.filter(({ table }) => table.table === `t${index}`);
      outcomes.set(CASES[index]!, { ...state, effects });
    }
  }, 600_000);

  it.each(CASES.map((each) => [titleOf(each), each] as const))('is explained: %s', (_, each) => {
    const { before, after, effects, refused } = outcomes.get(each)!;
    expect(refused).toBeUndefined();
    const isCopied = costOf(effects) === 'copied';
    const now = after?.definition ?? { columns: [], key: [] };
    const changes = effects.flatMap((effect) =>
      effect.kind === 'columns' ? [effect.changes] : [],
    );

    if (!effects.some(({ kind }) => kind === 'dropped' || kind === 'replaced')) {
      expect(after, 'a table that is gone').toBeDefined();
      const leaving = new Set(
        changes.flatMap(({ closed, renamed }) => [...closed, ...renamed.map(({ from }) => from)]),
      );
      const lost = before.definition.columns.filter(
        ({ name }) => !now.columns.some((column) => column.name === name),
      );
      expect(
        lost.filter(({ name }) => !leaving.has(name)),
        'columns that are gone',
      ).toEqual([]);
      if (now.key.join() !== before.definition.key.join())
        expect(
          effects.map(({ kind }) => kind),
          'a changed key',
        ).toContain('keyChanged');
    }
    if (!isCopied) {
      const expected = followed(before, effects, now);
      const rows = after?.rows ?? new Map<string, Row>();
      if (effects.some(({ kind }) => kind === 'rowsRemoved'))
        for (const [key, row] of rows) expect(row).toEqual(expected.get(key));
      else expect(rows).toEqual(expected);
    }
    expect(costOf(effects)).toBe(each.cost);
  });

  it.each([
    'ALTER TABLE T ORDER BY n, ADD x INT',
    'ALTER TABLE T DROP PARTITION p0, ADD x INT',
    'ALTER TABLE T TRUNCATE PARTITION p0, ADD x INT',
    'ALTER TABLE T EXCHANGE PARTITION p0 WITH TABLE b, ADD x INT',
    'ALTER TABLE T IMPORT TABLESPACE, ADD x INT',
    'ALTER TABLE T REBUILD PARTITION p0, ADD x INT',
    'ALTER TABLE T PARTITION BY HASH (id), ADD x INT',
    'ALTER TABLE T ADD PARTITION PARTITIONS 2, ADD x INT',
  ])('is done by no action behind one that takes a list or stands alone: %s', async (sql) => {
    await using db = await testDatabase();
    await expect(db.run(sql)).rejects.toThrow('ER_PARSE_ERROR');
  });

  it.each([
    ['InnoDB', 'STRICT_TRANS_TABLES'],
    ['InnoDB', 'STRICT_ALL_TABLES'],
    ['MyISAM', 'STRICT_TRANS_TABLES'],
    ['MyISAM', 'STRICT_ALL_TABLES'],
  ])('turns no NULL of a table of %s into another value under %s', async (engine, mode) => {
    await using db = await testDatabase({ 'SESSION sql_mode': `'${mode}'` });
    await db.run(
      `CREATE TABLE a (id INT PRIMARY KEY, n INT, v VARCHAR(9), at DATETIME) ENGINE=${engine}`,
      "INSERT INTO a VALUES (1, 1, 'v', '2020-01-01 00:00:00'), (2, NULL, NULL, NULL)",
    );
    for (const column of ['n INT', 'v VARCHAR(20)', 'at DATETIME(3)'])
      await expect(db.run(`ALTER TABLE a MODIFY ${column} NOT NULL`)).rejects.toThrow(
        /ER_INVALID_USE_OF_NULL|WARN_DATA_TRUNCATED/,
      );
  });
});

describe.skipIf(!MYSQL_URL)('the log of statements', () => {
  /** Kinds of events in order, and what the statements among them mean. */
  async function loggedAs(
    db: TestDatabase,
    statements: readonly string[],
  ): Promise<readonly (readonly [string, Statement | undefined])[]> {
    const before = await db.executed();
    await db.run(...statements, 'CREATE TABLE the_end (id INT PRIMARY KEY)');
    const events = await eventsUntil(
      before,
      (event) => event.kind === 'query' && event.sql.includes('the_end'),
    );
    const telling = ['gtid', 'begin', 'query', 'rows', 'xid'];
    const from = events.findIndex(({ kind }) => kind === 'gtid');
    return events
      .slice(from, -2)
      .filter(({ kind }) => telling.includes(kind))
      .map((event) => [
        event.kind,
        event.kind === 'query'
          ? readStatement(event.sql, { ...event, lowerCaseNames: false })
          : undefined,
      ]);
  }

  it('has a table made from a query as a table and rows in one transaction', async () => {
    await using db = await testDatabase();
    const table = { database: db.name, table: 'made' };
    const created = { kind: 'ddl', effects: [{ table, kind: 'created', ifNotExists: false }] };
    expect(
      await loggedAs(db, ['CREATE TABLE made (id INT PRIMARY KEY) SELECT 1 AS id, 2 AS n']),
    ).toEqual([
      ['gtid', undefined],
      ['begin', undefined],
      ['query', created],
      ['rows', undefined],
      ['xid', undefined],
    ]);
  });

  it('has a table made from a query as that query in statement format', async () => {
    await using db = await testDatabase({ 'SESSION binlog_format': 'STATEMENT' });
    const logged = await loggedAs(db, ['CREATE TABLE made (id INT PRIMARY KEY) SELECT 1 AS id']);
    const effects = logged.flatMap(([, statement]) =>
      statement?.kind === 'ddl' ? statement.effects : [],
    );
    expect(effects.map(({ kind }) => kind)).toEqual(['created', 'rewritten']);
  });

  it('names in statement format no fewer tables than were changed', async () => {
    await using db = await testDatabase({ 'SESSION binlog_format': 'STATEMENT' });
    await db.run(
      'SET GLOBAL log_bin_trust_function_creators = ON',
      'CREATE TABLE a (id INT PRIMARY KEY, x INT)',
      'CREATE TABLE b (id INT PRIMARY KEY, x INT)',
      'INSERT INTO a VALUES (1, 1), (2, 2), (3, 3), (4, 4)',
      'INSERT INTO b VALUES (1, 1), (2, 2), (3, 3), (4, 4)',
      'CREATE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN UPDATE a SET x = x + 1; RETURN 1; END',
      'CREATE PROCEDURE p() UPDATE a SET x = x + 1',
    );
    const a = { database: db.name, table: 'a' };
    const b = { database: db.name, table: 'b' };
    const cases: readonly (readonly [string, ChangedTables])[] = [
      ['INSERT INTO a SELECT id + 10, x FROM b', [a]],
      ['REPLACE a SET id = 1, x = 5', [a]],
      ['UPDATE b JOIN a ON a.id = b.id SET a.x = 9', [b, a]],
      ['UPDATE b, a SET a.x = b.x WHERE a.id = b.id', [b, a]],
      [
        'WITH c AS (SELECT 1 AS id) UPDATE a JOIN c ON a.id = c.id SET x = 3',
        [a, { ...a, table: 'c' }],
      ],
      ['WITH c AS (SELECT 3 AS id) DELETE FROM a WHERE id IN (SELECT id FROM c)', [a]],
      ['DELETE t FROM b JOIN a AS t ON t.id = b.id WHERE t.id = 2', [b, a]],
      ['DELETE FROM t USING a AS t WHERE t.id = 4', [a]],
      ['SELECT f()', 'unknown'],
      ['DO f()', 'unknown'],
      ['INSERT INTO b SELECT 20, f()', 'unknown'],
      ['CALL p()', [a]],
    ];
    const logged = await loggedAs(
      db,
      cases.map(([sql]) => sql),
    );
    const changed = logged.flatMap(([, statement]) =>
      statement?.kind === 'changesRows' ? [statement.tables] : [],
    );
    expect(changed).toEqual(cases.map(([, tables]) => tables));
    const others = logged.filter(
      ([kind, statement]) => kind === 'query' && statement?.kind !== 'changesRows',
    );
    expect(others).toEqual([]);
    expect(logged.filter(([kind]) => kind === 'begin')).toHaveLength(cases.length);
  });
});
