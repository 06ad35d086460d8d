import fc from 'fast-check';

/** A column type with SQL expressions for random values of it; NULL is added to nullable columns. */
export interface TypeSample {
  readonly sql: string;
  readonly value: fc.Arbitrary<string>;
}

const hex = (text: fc.Arbitrary<Uint8Array>): fc.Arbitrary<string> =>
  text.map((bytes) => (bytes.length === 0 ? "''" : `x'${Buffer.from(bytes).toString('hex')}'`));
const bytes = (maxLength: number): fc.Arbitrary<string> =>
  hex(fc.oneof(fc.uint8Array({ maxLength }), fc.constant(new Uint8Array(Math.min(maxLength, 3)))));
const text = (
  maxLength: number,
  unit: fc.StringConstraints['unit'] = 'grapheme',
): fc.Arbitrary<string> =>
  fc
    .string({ maxLength, unit })
    .filter((value) => Array.from(value).length <= maxLength)
    .map((value) => `CONVERT(_utf8mb4 x'${Buffer.from(value).toString('hex')}' USING utf8mb4)`);
const integers = (low: bigint, high: bigint): fc.Arbitrary<string> =>
  fc.oneof(fc.bigInt(low, high), fc.constantFrom(low, high, 0n < low ? low : 0n)).map(String);
const pad = (value: number, width = 2): string => String(value).padStart(width, '0');
const fraction = (digits: number): fc.Arbitrary<string> =>
  digits === 0
    ? fc.constant('')
    : fc.integer({ min: 0, max: 10 ** digits - 1 }).map((value) => `.${pad(value, digits)}`);
const calendarDay = fc.oneof(
  fc
    .tuple(
      fc.integer({ min: 1, max: 9999 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 28 }),
    )
    .map(([y, m, d]) => `${pad(y, 4)}-${pad(m)}-${pad(d)}`),
  fc.constantFrom(
    '0000-00-00',
    '2024-00-15',
    '2024-02-00',
    '2023-02-29',
    '2024-02-29',
    '1970-01-01',
    '0000-01-01',
    '0000-02-29',
    '9999-12-31',
    '2024-02-31',
  ),
);
const clock = fc
  .tuple(
    fc.integer({ min: 0, max: 23 }),
    fc.integer({ min: 0, max: 59 }),
    fc.integer({ min: 0, max: 59 }),
  )
  .map((parts) => parts.map((part) => pad(part)).join(':'));
const quoted = (...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((all) => `'${all.join('')}'`);
const datetime = (digits: number): fc.Arbitrary<string> =>
  quoted(calendarDay, fc.constant(' '), clock, fraction(digits));
const timestamp = (digits: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant("'0000-00-00 00:00:00'"),
    fc
      .tuple(fc.integer({ min: 1, max: 2_147_483_646 }), fraction(digits))
      .map(([s, f]) => `'${new Date(s * 1000).toISOString().slice(0, 19).replace('T', ' ')}${f}'`),
  );
const time = (digits: number): fc.Arbitrary<string> =>
  quoted(
    fc.constantFrom('', '-'),
    fc.integer({ min: 0, max: 837 }).map((hour) => pad(hour)),
    fc.constant(':'),
    fc.integer({ min: 0, max: 59 }).map((minute) => pad(minute)),
    fc.constant(':'),
    fc.integer({ min: 0, max: 59 }).map((second) => pad(second)),
    fraction(digits),
  );
const decimal = (precision: number, scale: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.stringMatching(new RegExp(`^[0-9]{0,${precision - scale}}$`)),
      fc.stringMatching(new RegExp(`^[0-9]{0,${scale}}$`)),
    )
    .map(
      ([sign, whole, rest]) => `${sign}${whole === '' ? '0' : whole}.${rest === '' ? '0' : rest}`,
    );
const double = fc
  .double({ noNaN: true, noDefaultInfinity: true })
  .map((value) => (Object.is(value, -0) ? '-0e0' : value.toExponential()));
const float = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value.toExponential()),
  fc.constantFrom('0.1', '1e-45', '3.4028234e38', '16777216', '-0e0', '0.30000001', '123456.789'),
);
const json = fc.oneof(
  fc
    .json({ maxDepth: 3 })
    .filter((value) => !value.includes('\\u0000'))
    .map((value) => `CONVERT(x'${Buffer.from(value).toString('hex')}' USING utf8mb4)`),
  fc.constantFrom(
    `'{"b": 1.0, "a": [1, -1, 18446744073709551615, 1e100, 1.5, 0.1, -0.0, 1e-7, 123456789012345678], "": null}'`,
    `'"\\\\u0001 \\\\" \\\\\\\\ ü 🎉"'`,
    `JSON_OBJECT('d', CAST('2024-02-29' AS DATE), 't', CAST('-12:30:15.123' AS TIME(3)), 'dt', CAST('2024-02-29 01:02:03.4' AS DATETIME(1)), 'n', CAST(-1.50 AS DECIMAL(10,2)), 'b', x'00ff')`,
  ),
);
const enumMember = fc.integer({ min: 1, max: 5 }).map(String);

/** Every column type a MySQL 8 or 9 table may have, plain and with its modifiers. */
export const EVERY_TYPE: Readonly<Record<string, TypeSample>> = {
  tiny: { sql: 'TINYINT', value: integers(-128n, 127n) },
  tiny_bool: { sql: 'BOOLEAN', value: integers(0n, 1n) },
  tiny_u: { sql: 'TINYINT UNSIGNED', value: integers(0n, 255n) },
  small: { sql: 'SMALLINT', value: integers(-32768n, 32767n) },
  small_u: { sql: 'SMALLINT UNSIGNED', value: integers(0n, 65535n) },
  medium: { sql: 'MEDIUMINT', value: integers(-8388608n, 8388607n) },
  medium_u: { sql: 'MEDIUMINT UNSIGNED', value: integers(0n, 16777215n) },
  normal: { sql: 'INT', value: integers(-2147483648n, 2147483647n) },
  normal_u: { sql: 'INT UNSIGNED', value: integers(0n, 4294967295n) },
  normal_z: { sql: 'INT(8) ZEROFILL', value: integers(0n, 4294967295n) },
  big: { sql: 'BIGINT', value: integers(-(2n ** 63n), 2n ** 63n - 1n) },
  big_u: { sql: 'BIGINT UNSIGNED', value: integers(0n, 2n ** 64n - 1n) },
  dec_plain: { sql: 'DECIMAL(10,2)', value: decimal(10, 2) },
  dec_wide: { sql: 'DECIMAL(65,30)', value: decimal(65, 30) },
  dec_whole: { sql: 'DECIMAL(18,0)', value: decimal(18, 0) },
  dec_small: { sql: 'DECIMAL(5,5)', value: decimal(5, 5) },
  dec_zero: {
    sql: 'DECIMAL(9,3) ZEROFILL',
    value: decimal(9, 3).map((value) => value.replace('-', '')),
  },
  flt: { sql: 'FLOAT', value: float },
  flt_md: {
    sql: 'FLOAT(7,4)',
    value: fc.integer({ min: -9_999_999, max: 9_999_999 }).map((v) => String(v / 10_000)),
  },
  flt_z: { sql: 'FLOAT ZEROFILL', value: float.map((value) => value.replace(/^-/, '')) },
  dbl: { sql: 'DOUBLE', value: double },
  dbl_md: {
    sql: 'DOUBLE(10,3)',
    value: fc.integer({ min: -9_999_999, max: 9_999_999 }).map((v) => String(v / 1000)),
  },
  bit_one: { sql: 'BIT(1)', value: integers(0n, 1n) },
  bit_ten: { sql: 'BIT(10)', value: integers(0n, 1023n) },
  bit_all: { sql: 'BIT(64)', value: integers(0n, 2n ** 64n - 1n) },
  yr: {
    sql: 'YEAR',
    value: fc.oneof(fc.constant("'0000'"), fc.integer({ min: 1901, max: 2155 }).map(String)),
  },
  day: { sql: 'DATE', value: quoted(calendarDay) },
  tim: { sql: 'TIME', value: time(0) },
  tim1: { sql: 'TIME(1)', value: time(1) },
  tim3: { sql: 'TIME(3)', value: time(3) },
  tim4: { sql: 'TIME(4)', value: time(4) },
  tim6: { sql: 'TIME(6)', value: time(6) },
  dt: { sql: 'DATETIME', value: datetime(0) },
  dt2: { sql: 'DATETIME(2)', value: datetime(2) },
  dt3: { sql: 'DATETIME(3)', value: datetime(3) },
  dt4: { sql: 'DATETIME(4)', value: datetime(4) },
  dt6: { sql: 'DATETIME(6)', value: datetime(6) },
  ts: { sql: 'TIMESTAMP', value: timestamp(0) },
  ts1: { sql: 'TIMESTAMP(1)', value: timestamp(1) },
  ts3: { sql: 'TIMESTAMP(3)', value: timestamp(3) },
  ts6: { sql: 'TIMESTAMP(6)', value: timestamp(6) },
  chr: { sql: 'CHAR(20)', value: text(20) },
  chr_l: {
    sql: 'CHAR(20) CHARACTER SET latin1',
    value: text(20, fc.constantFrom('a', 'é', '€', ' ', 'ÿ')),
  },
  vch: { sql: 'VARCHAR(30)', value: text(30) },
  vch_long: {
    sql: 'VARCHAR(300) CHARACTER SET utf8mb3',
    value: text(300, fc.constantFrom('a', 'é', '漢', "'", '\\', '\n')),
  },
  vch_gbk: {
    sql: 'VARCHAR(20) CHARACTER SET gbk',
    value: text(20, fc.constantFrom('a', '一', '漢', '?', '\\')),
  },
  vch_u16: { sql: 'VARCHAR(20) CHARACTER SET utf16', value: text(20) },
  txt_tiny: { sql: 'TINYTEXT', value: text(20) },
  txt: { sql: 'TEXT COLLATE utf8mb4_bin', value: text(100) },
  txt_medium: { sql: 'MEDIUMTEXT CHARACTER SET latin1', value: text(50, 'grapheme-ascii') },
  txt_long: { sql: 'LONGTEXT', value: text(50) },
  bin: { sql: 'BINARY(8)', value: bytes(8) },
  vbin: { sql: 'VARBINARY(40)', value: bytes(40) },
  vbin_long: { sql: 'VARBINARY(400)', value: bytes(400) },
  blob_tiny: { sql: 'TINYBLOB', value: bytes(30) },
  blob_plain: { sql: 'BLOB', value: bytes(300) },
  blob_medium: { sql: 'MEDIUMBLOB', value: bytes(30) },
  blob_long: { sql: 'LONGBLOB', value: bytes(30) },
  enm: { sql: `ENUM('a','b,c','it''s','back\\\\slash','line\\nend','')`, value: enumMember },
  enm_l: { sql: `ENUM('x','é','ß','y','z') CHARACTER SET latin1`, value: enumMember },
  st: { sql: `SET('a','it''s','(b)','ü')`, value: integers(0n, 15n) },
  jsn: { sql: 'JSON', value: json },
  geo: {
    sql: 'GEOMETRY',
    value: fc.constantFrom(
      "ST_GeomFromText('POINT(1 2)')",
      "ST_GeomFromText('LINESTRING(0 0, 1 1.5)', 4326)",
    ),
  },
  pnt: { sql: 'POINT SRID 4326', value: fc.constant("ST_GeomFromText('POINT(48.1 11.5)', 4326)") },
  ply: { sql: 'POLYGON', value: fc.constant("ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))')") },
  gcl: {
    sql: 'GEOMETRYCOLLECTION',
    value: fc.constant("ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))')"),
  },
};

/** From MySQL 9.0 on. */
export const VECTOR_TYPE: TypeSample = {
  sql: 'VECTOR(5)',
  value: fc.constantFrom(
    "STRING_TO_VECTOR('[1, 0.1, -2.5, 1e-20]')",
    "STRING_TO_VECTOR('[0.30000001]')",
  ),
};
