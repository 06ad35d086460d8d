import { type Connection, createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BinlogDecoder } from '../../src/binlog/decoder.ts';
import type { BinlogEvent, RowChange } from '../../src/binlog/event.ts';
import { eventsIn } from '../support/decoded-events.ts';
import { currentFile, dumpEvents } from '../support/dump-client.ts';

const url = process.env['SLUICE_TEST_MYSQL'] ?? '';

/** Column definition, SQL literal, expected value. */
const CASES: readonly (readonly [definition: string, literal: string, value: unknown])[] = [
  ['TINYINT', '-128', -128],
  ['TINYINT UNSIGNED', '255', 255],
  ['SMALLINT', '-32768', -32768],
  ['SMALLINT UNSIGNED', '65535', 65535],
  ['MEDIUMINT', '-8388608', -8388608],
  ['MEDIUMINT', '8388607', 8388607],
  ['MEDIUMINT UNSIGNED', '16777215', 16777215],
  ['INT', '-2147483648', -2147483648],
  ['INT UNSIGNED', '4294967295', 4294967295],
  ['BIGINT', '-9223372036854775808', -9223372036854775808n],
  ['BIGINT', '-1', -1],
  ['BIGINT', '9007199254740991', 9007199254740991],
  ['BIGINT', '9007199254740992', 9007199254740992n],
  ['BIGINT UNSIGNED', '18446744073709551615', 18446744073709551615n],
  ['BIGINT UNSIGNED', '42', 42],
  ['DECIMAL(10,2)', '-0.50', '-0.50'],
  ['DECIMAL(10,2)', '12345678.90', '12345678.90'],
  ['DECIMAL(5,0)', '-42', '-42'],
  ['DECIMAL(9,9)', '0.000000001', '0.000000001'],
  [
    'DECIMAL(65,30)',
    '-12345678901234567890123456789012345.123456789012345678901234567891',
    '-12345678901234567890123456789012345.123456789012345678901234567891',
  ],
  ['DECIMAL(18,9)', '0', '0.000000000'],
  ['FLOAT', '0.1', 0.1],
  ['FLOAT', '16777216', 16777216],
  ['FLOAT', '-3.4e38', -3.4e38],
  ['DOUBLE', '1e300', 1e300],
  ['DOUBLE', '-0.0000123', -0.0000123],
  ['BIT(1)', "b'1'", true],
  ['BIT(1)', "b'0'", false],
  ['BIT(12)', "b'101010101010'", Buffer.from([0xaa, 0x0a]).toString('base64')],
  [
    'BIT(64)',
    '18446744073709551614',
    Buffer.from([0xfe, 255, 255, 255, 255, 255, 255, 255]).toString('base64'),
  ],
  ['YEAR', '2026', 2026],
  ['YEAR', '0', 0],
  ['DATE', "'2026-11-23'", 20780],
  ['DATE', "'1969-12-31'", -1],
  ['DATE', "'0000-00-00'", '0000-00-00'],
  ['DATE', "'2024-00-15'", '2024-00-15'],
  ['DATE', "'1000-01-01'", -354285],
  ['TIME', "'-00:00:01'", -1_000_000],
  ['TIME', "'838:59:59'", 3_020_399_000_000],
  ['TIME(2)', "'-00:00:00.01'", -10_000],
  ['TIME(4)', "'-12:34:56.7891'", -45_296_789_100],
  ['TIME(6)', "'-838:59:58.000001'", -3_020_398_000_001],
  ['TIME(6)', "'00:00:00.000001'", 1],
  ['DATETIME', "'1970-01-01 00:00:01'", 1000],
  ['DATETIME(3)', "'2026-11-23 01:02:03.456'", 1795395723456],
  ['DATETIME(6)', "'2026-11-23 01:02:03.456789'", 1795395723456789],
  ['DATETIME(6)', "'9999-12-31 23:59:59.999999'", 253402300799999999n],
  ['DATETIME(1)', "'0000-00-00 00:00:00.0'", '0000-00-00 00:00:00.0'],
  ['TIMESTAMP', "'2026-11-23 01:02:03'", '2026-11-23T01:02:03Z'],
  ['TIMESTAMP(6)', "'2026-11-23 01:02:03.000120'", '2026-11-23T01:02:03.000120Z'],
  ['TIMESTAMP', "'0000-00-00 00:00:00'", '0000-00-00 00:00:00'],
  ['CHAR(10)', "'ab  '", 'ab'],
  ['CHAR(255)', "repeat('ü', 255)", 'ü'.repeat(255)],
  ['VARCHAR(300)', "'žluťoučký 😀'", 'žluťoučký 😀'],
  ['VARCHAR(20) CHARACTER SET latin1', "'€ ÿ'", '€ ÿ'],
  ['VARCHAR(20) CHARACTER SET utf16', "'x😀'", 'x😀'],
  ['VARCHAR(20) CHARACTER SET utf32', "'x😀'", 'x😀'],
  ['VARCHAR(20) CHARACTER SET cp1251', "'Ж'", 'Ж'],
  ['VARCHAR(20) CHARACTER SET gb18030', "'漢'", '漢'],
  ['TEXT', "''", ''],
  ['MEDIUMTEXT', "repeat('x', 70000)", 'x'.repeat(70000)],
  ['BINARY(4)', "x'0100'", Buffer.from([1, 0, 0, 0]).toString('base64')],
  ['VARBINARY(300)', "x'00ff00'", Buffer.from([0, 255, 0]).toString('base64')],
  ['BLOB', "x'deadbeef'", Buffer.from('deadbeef', 'hex').toString('base64')],
  ["ENUM('a,b','c''d','é')", "'é'", 'é'],
  ["SET('a','b','c','d','e','f','g','h','i')", "'a,c,i'", 'a,c,i'],
  ["SET('a','b')", "''", ''],
  [
    'POINT',
    "ST_GeomFromText('POINT(1 2)', 4326, 'axis-order=long-lat')",
    { srid: 4326, wkb: 'AQEAAAAAAAAAAADwPwAAAAAAAABA' },
  ],
  ['VECTOR(3)', "STRING_TO_VECTOR('[1.5,-0.1,3]')", [1.5, -0.1, 3]],
];

const JSON_TEXTS = [
  '{"b": [1, 2.0, -1e100, 1e-20], "a": {"é": "\\u0001\\n\\"\\\\"}, "": null}',
  '[true, false, null, 18446744073709551615, -9223372036854775808, 32768, 65536, 4294967296]',
  '"x"',
  '0.1',
  '123456789012345678',
  '1234567890123456.0',
  '0.00000000000001',
  '0.000000000000001',
  '{}',
];

describe.skipIf(url === '')('BinlogDecoder against a server', () => {
  let connection: Connection;

  beforeAll(async () => {
    connection = await createConnection(url);
    await connection.query('DROP DATABASE IF EXISTS decoder_test');
    await connection.query('CREATE DATABASE decoder_test');
    await connection.query('USE decoder_test');
    await connection.query("SET time_zone = '+00:00', sql_mode = ''");
  });
  afterAll(async () => {
    await connection.query('DROP DATABASE decoder_test');
    await connection.end();
  });

  /** The events of the statements, from a file of their own. */
  async function eventsOf(
    statements: readonly string[],
    visit: (event: BinlogEvent) => void = () => undefined,
  ): Promise<BinlogEvent[]> {
    await connection.query('FLUSH BINARY LOGS');
    const file = await currentFile(connection);
    for (const statement of statements) await connection.query(statement);
    const decoder = new BinlogDecoder();
    const events: BinlogEvent[] = [];
    for (const bytes of await dumpEvents(url, file))
      for await (const event of eventsIn(decoder.decode(bytes))) {
        events.push(event);
        visit(event);
      }
    return events;
  }

  const rowsOf = (events: readonly BinlogEvent[]): RowChange[] =>
    events.flatMap((event) => (event.kind === 'rows' ? event.read() : []));

  it('reads every column type exactly', async () => {
    const columns = CASES.map(([definition], index) => `c${index} ${definition} NULL`);
    const half = Math.ceil(columns.length / 2);
    const tables = [columns.slice(0, half), columns.slice(half)];
    const literals = [CASES.slice(0, half), CASES.slice(half)].map((part) =>
      part.map(([, literal]) => literal),
    );
    const statements = tables.flatMap((definitions, index) => [
      `CREATE TABLE types_${index} (id INT PRIMARY KEY, ${definitions.join(', ')})`,
      `INSERT INTO types_${index} VALUES (1, ${literals[index]?.join(', ')})`,
      `INSERT INTO types_${index} (id) VALUES (2)`,
    ]);
    const rows = rowsOf(await eventsOf(statements));
    expect(rows).toHaveLength(4);
    const read = [...(rows[0]?.after?.slice(1) ?? []), ...(rows[2]?.after?.slice(1) ?? [])];
    CASES.forEach(([definition, literal, value], index) => {
      expect(read[index], `${definition} ${literal.slice(0, 40)}`).toEqual(value);
    });
    for (const row of [rows[1], rows[3]])
      expect(row?.after?.slice(1).every((value) => value === null)).toBe(true);
  });

  it('prints JSON as the server does', async () => {
    const values = JSON_TEXTS.map((text, index) => `(${index}, ${connection.escape(text)})`);
    const events = await eventsOf([
      'CREATE TABLE json_texts (id INT PRIMARY KEY, j JSON)',
      `INSERT INTO json_texts VALUES ${values.join(', ')}`,
      `INSERT INTO json_texts VALUES (100, JSON_OBJECT('d', CAST('1.50' AS DECIMAL(5,2)), 'when', CAST('2026-11-23 01:02:03.5' AS DATETIME(6)), 'day', CAST('2026-11-23' AS DATE), 't', CAST('-10:11:12.000013' AS TIME(6)), 'blob', CAST(x'00ff' AS BINARY), 'big', REPEAT('x', 70000)))`,
      `INSERT INTO json_texts SELECT 101, JSON_ARRAYAGG(n) FROM (WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 900) SELECT n * 100000 AS n FROM s) q`,
    ]);
    const [printed] = await connection.query(
      'SELECT id, CAST(j AS CHAR) AS j FROM json_texts ORDER BY id',
    );
    const read = rowsOf(events).map(({ after }) => ({ id: after?.[0], j: after?.[1] }));
    expect(read).toEqual((printed as { id: number; j: string }[]).map(({ id, j }) => ({ id, j })));
  });

  it('prints any double inside JSON as the server does', async () => {
    const powers = Array.from({ length: 640 }, (_, index) => index - 330);
    const doubles = powers
      .flatMap((power) =>
        ['1', '9', '1.5', '1.2345678901234567', '9.999999999999999'].map((digits) =>
          Number(`${digits}e${power}`),
        ),
      )
      .filter((double) => Number.isFinite(double) && double !== 0);
    const texts = doubles.map((double) =>
      /[.e]/.test(String(double)) ? String(double) : `${double}.0`,
    );
    const events = await eventsOf([
      'CREATE TABLE json_doubles (id INT PRIMARY KEY, j JSON)',
      `INSERT INTO json_doubles VALUES (1, '[${texts.join(',')}]')`,
    ]);
    const [printed] = await connection.query('SELECT CAST(j AS CHAR) AS j FROM json_doubles');
    expect(rowsOf(events)[0]?.after?.[1]).toBe((printed as { j: string }[])[0]?.j);
  });

  it('prints SQL values inside JSON as the server does', async () => {
    const events = await eventsOf([
      'CREATE TABLE json_opaque (id INT PRIMARY KEY, j JSON)',
      `INSERT INTO json_opaque VALUES (1, JSON_ARRAY(CAST(REPEAT('x', 57) AS BINARY), CAST(REPEAT('x', 200) AS BINARY), b'1010', CAST('2020' AS YEAR), TIMESTAMP'2020-01-01 00:00:00', ST_GeomFromText('POINT(1 2)'), CHAR(1, 31, 127 USING utf8mb4), CAST('-838:59:59' AS TIME), CAST('0.10' AS DECIMAL(65,30)), CAST('2020-01-01' AS DATE)))`,
    ]);
    const [printed] = await connection.query('SELECT CAST(j AS CHAR) AS j FROM json_opaque');
    expect(rowsOf(events)[0]?.after?.[1]).toBe((printed as { j: string }[])[0]?.j);
  });

  it('refuses rows that come without any column, under MINIMAL', async () => {
    const events = await eventsOf([
      'CREATE TABLE defaults (a INT DEFAULT 5)',
      "SET SESSION binlog_row_image = 'MINIMAL'",
      'INSERT INTO defaults VALUES ()',
      "SET SESSION binlog_row_image = 'FULL'",
    ]);
    expect(() => rowsOf(events)).toThrow(/without any column/);
  });

  it('reads the signs of numbers beside a YEAR, which has one too', async () => {
    const events = await eventsOf([
      'CREATE TABLE signs (y YEAR PRIMARY KEY, a INT UNSIGNED, b INT, c TINYINT UNSIGNED, d INT)',
      'INSERT INTO signs VALUES (2020, 4000000000, -1, 200, -5)',
    ]);
    expect(rowsOf(events)).toEqual([
      { before: undefined, after: [2020, 4_000_000_000, -1, 200, -5] },
    ]);
  });

  it('reads transactions the same when the server compresses them', async () => {
    const events = await eventsOf([
      'CREATE TABLE packed (id INT PRIMARY KEY, note VARCHAR(50))',
      'SET SESSION binlog_transaction_compression = ON',
      "INSERT INTO packed VALUES (1, 'a'), (2, 'b')",
      "UPDATE packed SET note = 'c', id = 3 WHERE id = 1",
      'DELETE FROM packed WHERE id = 2',
      'SET SESSION binlog_transaction_compression = OFF',
    ]);
    expect(rowsOf(events)).toEqual([
      { before: undefined, after: [1, 'a'] },
      { before: undefined, after: [2, 'b'] },
      { before: [1, 'a'], after: [3, 'c'] },
      { before: [2, 'b'], after: undefined },
    ]);
    expect(events.filter(({ kind }) => kind === 'xid')).toHaveLength(3);
  });

  it('reads a large transaction the same when the server compresses it', async () => {
    const numbers =
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)';
    const insert = (table: string): string =>
      `INSERT INTO ${table} ${numbers} SELECT i, REPEAT(SHA2(i, 256), 4) FROM n`;
    const rows = new Map<string, RowChange[]>();
    const events = await eventsOf(
      [
        'SET SESSION cte_max_recursion_depth = 20000',
        'CREATE TABLE plain_many (id INT PRIMARY KEY, note VARCHAR(300))',
        'CREATE TABLE packed_many LIKE plain_many',
        insert('plain_many'),
        'SET SESSION binlog_transaction_compression = ON',
        insert('packed_many'),
        'SET SESSION binlog_transaction_compression = OFF',
      ],
      (event) => {
        if (event.kind !== 'rows') return;
        const { table } = event.table.id;
        rows.set(table, [...(rows.get(table) ?? []), ...event.read()]);
      },
    );
    expect(rows.get('packed_many')).toHaveLength(20_000);
    expect(rows.get('packed_many')).toEqual(rows.get('plain_many'));
    const [plain, packed] = events.filter(({ kind }) => kind === 'xid');
    expect(packed?.header.logPos).toBeGreaterThan(plain?.header.logPos ?? Infinity);
  });

  it('reads GTIDs with and without a tag as the server counts them', async () => {
    const [[before]] = (await connection.query('SELECT @@gtid_executed AS g')) as unknown as [
      { g: string }[],
    ];
    const events = await eventsOf([
      'CREATE TABLE tagged (id INT PRIMARY KEY)',
      "SET gtid_next = 'AUTOMATIC:night_shift'",
      'INSERT INTO tagged VALUES (1)',
      "SET gtid_next = 'AUTOMATIC'",
    ]);
    const gtids = events.flatMap((event) => (event.kind === 'gtid' ? [event] : []));
    const [[after]] = (await connection.query('SELECT GTID_SUBTRACT(@@gtid_executed, ?) AS g', [
      before?.g,
    ])) as unknown as [{ g: string }[]];
    expect(gtids.map(({ gtid }) => gtid).join()).toContain(':night_shift:');
    const [[counted]] = (await connection.query('SELECT GTID_SUBSET(?, ?) AS s', [
      gtids.map(({ gtid }) => gtid).join(','),
      after?.g,
    ])) as unknown as [{ s: number }[]];
    expect(counted?.s).toBe(1);
    for (const { committedAtUs } of gtids)
      expect(Math.abs(committedAtUs / 1000 - Date.now())).toBeLessThan(60_000);
  });

  it('counts rows it cannot name when metadata is missing, and refuses to read them', async () => {
    await connection.query('SET GLOBAL binlog_row_metadata = MINIMAL');
    try {
      const events = await eventsOf([
        'CREATE TABLE nameless (id INT PRIMARY KEY, note VARCHAR(50), d DECIMAL(9,4), b BLOB)',
        "INSERT INTO nameless VALUES (1, 'a', 1.5, 'x'), (2, NULL, NULL, NULL)",
      ]);
      const rows = events.find((event) => event.kind === 'rows');
      expect(rows?.kind === 'rows' && rows.count()).toBe(2);
      expect(() => rows?.kind === 'rows' && rows.read()).toThrow(/binlog_row_metadata/);
    } finally {
      await connection.query('SET GLOBAL binlog_row_metadata = FULL');
    }
  });
});
