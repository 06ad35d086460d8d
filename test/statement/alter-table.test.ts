import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readStatement, type StatementContext } from '../../src/statement/statement.ts';
import type {
  KnownColumn,
  KnownDefinition,
  TableEffect,
} from '../../src/statement/table-effects.ts';
import type { ColumnChanges } from '../../src/topic/control-record.ts';

const column = (
  name: string,
  fullType: string,
  others: Partial<KnownColumn> = {},
): KnownColumn => ({
  name,
  type: { kind: 'integer', bytes: 4, unsigned: false },
  nullable: true,
  fullType,
  ...others,
});

const KNOWN: KnownDefinition = {
  columns: [
    column('id', 'int', { nullable: false, extra: 'auto_increment' }),
    column('k', 'int', { nullable: false }),
    column('n', 'int'),
    column('m', 'int unsigned'),
    column('Note', 'varchar(20) charset utf8mb4'),
    column('old', 'varchar(20) charset latin1'),
    column('code', 'char(10) charset utf8mb4'),
    column('body', 'text charset utf8mb4'),
    column('price', 'decimal(10,2)'),
    column('at', 'datetime'),
    column('ts', 'timestamp'),
    column('status', "enum('a','it''s') charset utf8mb4"),
    column('untold', '', { fullType: 'no type' }),
  ],
  key: ['id', 'k'],
  defaultCharset: 'utf8mb4',
};
const { defaultCharset: _, ...UNTOLD_CHARSET } = KNOWN;

const CONTEXT: StatementContext = {
  database: 'shop',
  sqlMode: 0n,
  explicitDefaultsForTimestamp: true,
  lowerCaseNames: false,
};
const STRICT = 1n << 21n;
const PAD_CHAR = 1n << 31n;
const NO_BACKSLASH_ESCAPES = 1n << 20n;

const TABLE = { database: 'shop', table: 'a' };

interface Given {
  readonly context?: Partial<StatementContext>;
  readonly known?: KnownDefinition | undefined;
}

function effectsOf(sql: string, given: Given = {}): readonly TableEffect[] {
  const known = 'known' in given ? given.known : KNOWN;
  const statement = readStatement(sql, { ...CONTEXT, ...given.context }, () => known);
  expect(statement.kind).toBe('ddl');
  return statement.kind === 'ddl' ? statement.effects : [];
}

/** The effects of `ALTER TABLE a …` without the reasons. */
function altered(actions: string, given: Given = {}): readonly object[] {
  return effectsOf(`ALTER TABLE a ${actions}`, given).map((effect) => {
    const { table, ...rest } = effect;
    expect(table).toEqual(TABLE);
    return rest.kind === 'rewritten' ? { kind: rest.kind } : rest;
  });
}

const TOUCHED = { kind: 'touched' };
const REWRITTEN = { kind: 'rewritten' };
const KEY_CHANGED = { kind: 'keyChanged' };
const columns = (changes: Partial<ColumnChanges>): object => ({
  kind: 'columns',
  changes: { closed: [], renamed: [], defaults: [], ...changes },
});
const closed = (...names: readonly string[]): object => columns({ closed: names });
const renamed = (from: string, to: string): object => columns({ renamed: [{ from, to }] });
const constant = (name: string, value: string): object => columns({ defaults: [{ name, value }] });

describe('an ALTER TABLE that leaves stored values alone', () => {
  it.each([
    '',
    'ADD x INT',
    'ADD COLUMN x INT DEFAULT NULL',
    'ADD (x INT, y INT NULL)',
    'ADD x TIMESTAMP',
    'ADD IF NOT EXISTS x INT',
    'ADD COLUMN IF NOT EXISTS n INT DEFAULT 5',
    'DROP COLUMN IF EXISTS not_there',
    'ADD CONSTRAINT UNIQUE (n)',
    'ADD CONSTRAINT c FOREIGN KEY (n) REFERENCES b (id) ON DELETE CASCADE',
    'ADD SPATIAL INDEX (p), ADD FULLTEXT KEY f (body) WITH PARSER ngram',
    "COMMENT 'DROP COLUMN n, ADD x INT DEFAULT 5'",
    "ENGINE=InnoDB DEFAULT CHARSET=latin1 COMMENT='x' ROW_FORMAT=DYNAMIC",
    'AUTOEXTEND_SIZE = 4M',
    "DATA DIRECTORY '/x' INDEX DIRECTORY = '/y'",
    'ALGORITHM=INSTANT, LOCK DEFAULT, FORCE',
    'SECONDARY_LOAD',
    'PARTITION BY RANGE COLUMNS (id, k) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION p VALUES LESS THAN (1, 2))',
    'REORGANIZE PARTITION',
    'ADD PARTITION NO_WRITE_TO_BINLOG PARTITIONS 2',
    'UPGRADE PARTITIONING',
    'WITHOUT VALIDATION, REBUILD PARTITION p0, p1',
    'RENAME a',
    'RENAME INDEX i TO j, RENAME KEY j TO k',
    'MODIFY n BIGINT',
    'MODIFY COLUMN N INTEGER(11) SIGNED',
    'MODIFY m BIGINT',
    'MODIFY note VARCHAR(30) CHARACTER SET utf8mb4',
    'MODIFY note CHARACTER VARYING(30)',
    'MODIFY note LONG VARCHAR',
    'MODIFY old VARCHAR(30) CHARSET latin1',
    'MODIFY code CHAR(20), MODIFY body MEDIUMTEXT COLLATE utf8mb4_bin',
    'MODIFY price NUMERIC(12, 2), MODIFY at DATETIME(3)',
    "MODIFY status ENUM('a', 'it\\'s', 'c')",
    'MODIFY ts TIMESTAMP DEFAULT NOW() ON UPDATE NOW()',
    'MODIFY id BIGINT AUTO_INCREMENT PRIMARY KEY',
    'CHANGE n n BIGINT UNIQUE COMMENT "x"',
    'CHANGE Note Note VARCHAR(20)',
  ])('only touches its table: %s', (actions) => {
    expect(altered(actions)).toEqual([TOUCHED]);
  });

  it('takes its words in every spelling', () => {
    expect(effectsOf('alter/**/table`shop`.`a`add`x`int,add key(`n`)')).toEqual([
      { table: TABLE, ...TOUCHED },
    ]);
    expect(effectsOf('ALTER ONLINE TABLE IF EXISTS a NOWAIT ADD x INT')).toHaveLength(1);
    expect(effectsOf('ALTER TABLE a WAIT 5 ADD x INT;')).toHaveLength(1);
  });
});

describe('an ALTER TABLE that may change stored values', () => {
  it.each([
    'SOMETHING NEW',
    'ADD x INT SOMETHING',
    'ADD x SOMETYPE',
    'ADD x INT NOT NULL',
    'ADD x INT DEFAULT (5)',
    'ADD x INT DEFAULT 5 DEFAULT 6',
    'ADD x INT AS (n + 1) VIRTUAL',
    'ADD x DATETIME DEFAULT NOW()',
    'ADD x TIMESTAMP NOT NULL',
    'ADD x SERIAL',
    'ADD x INT AUTO_INCREMENT UNIQUE',
    "ADD x DATE DEFAULT DATE'2020-01-01'",
    "ADD x DATE DEFAULT {d '2020-01-01'}",
    'ADD (x INT, y INT NOT NULL)',
    'ADD x INT, ADD y INT NOT NULL',
    'COMMENT "x", ADD x INT NOT NULL',
    'CONVERT TO CHARACTER SET utf8mb4',
    'ENGINE=BLACKHOLE',
    'ENGINE CSV',
    'UNION=(b, c)',
    "CONNECTION='s/t'",
    'DISCARD TABLESPACE',
    'DISCARD PARTITION p0 TABLESPACE',
    'REPAIR PARTITION ALL',
    'MODIFY n INT UNSIGNED',
    'MODIFY m INT',
    'MODIFY n VARCHAR(20)',
    'MODIFY n INT NOT NULL',
    'MODIFY n INT AUTO_INCREMENT',
    'MODIFY n INT AS (k) STORED',
    'MODIFY note VARCHAR(10)',
    'MODIFY note CHAR(20)',
    'MODIFY note VARCHAR(20) CHARACTER SET latin1',
    'MODIFY old VARCHAR(30)',
    'MODIFY note VARCHAR(30), DEFAULT CHARSET latin1',
    'MODIFY note TEXT(100)',
    'MODIFY body VARCHAR(1000)',
    'MODIFY price DECIMAL(12,3)',
    'MODIFY at DATETIME(6)',
    'MODIFY ts TIMESTAMP(3)',
    'MODIFY ts DATETIME',
    "MODIFY status ENUM('it''s', 'a')",
    'MODIFY untold INT',
    'ALTER n TYPE INT',
  ])('rewrites its table: %s', (actions) => {
    expect(altered(actions)).toEqual([REWRITTEN, TOUCHED]);
  });

  it('is taken for a rewrite of a column that is not known', () => {
    expect(altered('MODIFY n BIGINT', { known: undefined })).toEqual([
      KEY_CHANGED,
      REWRITTEN,
      TOUCHED,
    ]);
    expect(altered('MODIFY not_there BIGINT')).toEqual([KEY_CHANGED, REWRITTEN, TOUCHED]);
    expect(altered('MODIFY note VARCHAR(30)', { known: UNTOLD_CHARSET })).toEqual([
      REWRITTEN,
      TOUCHED,
    ]);
  });

  it('turns NULL into something else only outside strict mode', () => {
    expect(altered('MODIFY n INT NOT NULL', { context: { sqlMode: STRICT } })).toEqual([TOUCHED]);
  });

  it('keeps the padding of CHAR under PAD_CHAR_TO_FULL_LENGTH', () => {
    expect(altered('MODIFY code VARCHAR(10)')).toEqual([TOUCHED]);
    expect(altered('MODIFY code VARCHAR(10)', { context: { sqlMode: PAD_CHAR } })).toEqual([
      REWRITTEN,
      TOUCHED,
    ]);
  });

  it.each([false, undefined])(
    'fills a TIMESTAMP without a word on NULL when explicit defaults are %s',
    (explicitDefaultsForTimestamp) => {
      const context = { explicitDefaultsForTimestamp };
      expect(altered('ADD x TIMESTAMP', { context })).toEqual([REWRITTEN, TOUCHED]);
      expect(altered('ADD x TIMESTAMP NULL', { context })).toEqual([TOUCHED]);
      expect(altered('MODIFY ts TIMESTAMP', { context })).toEqual([REWRITTEN, TOUCHED]);
      expect(altered('MODIFY ts TIMESTAMP NULL', { context })).toEqual([TOUCHED]);
    },
  );

  it('changes values that a generated column is made of', () => {
    const generated = column('g', 'int', { extra: 'VIRTUAL GENERATED' });
    const known = { ...KNOWN, columns: [...KNOWN.columns, generated] };
    expect(altered('MODIFY n BIGINT', { known })).toEqual([REWRITTEN, TOUCHED]);
    const defaulted = column('g', 'int', { extra: 'DEFAULT_GENERATED' });
    expect(
      altered('MODIFY n BIGINT', { known: { ...KNOWN, columns: [...KNOWN.columns, defaulted] } }),
    ).toEqual([TOUCHED]);
  });

  it('may remove rows when it is told to ignore errors', () => {
    expect(effectsOf('ALTER IGNORE TABLE a ADD UNIQUE (n)')).toMatchObject([REWRITTEN, TOUCHED]);
  });

  it('ends strings where the session ends them', () => {
    const actions = "COMMENT 'C:\\', ADD x INT NOT NULL COMMENT 'x'";
    expect(altered(actions, { context: { sqlMode: NO_BACKSLASH_ESCAPES } })).toEqual([
      REWRITTEN,
      TOUCHED,
    ]);
  });
});

describe('an ALTER TABLE of columns', () => {
  it.each<[string, ...object[]]>([
    ['DROP n', closed('n')],
    ['DROP COLUMN `NOTE` RESTRICT, DROP n', closed('Note', 'n')],
    ['DROP n, ADD n INT', closed('n')],
    [
      'DROP n, ADD n INT DEFAULT 5',
      columns({ closed: ['n'], defaults: [{ name: 'n', value: '5' }] }),
    ],
    ['RENAME COLUMN n TO x', renamed('n', 'x')],
    ['RENAME COLUMN NOTE TO note', renamed('Note', 'note')],
    ['RENAME COLUMN Note TO Note'],
    [
      'RENAME COLUMN n TO m, RENAME COLUMN m TO n',
      columns({
        renamed: [
          { from: 'n', to: 'm' },
          { from: 'm', to: 'n' },
        ],
      }),
    ],
    ['CHANGE n x BIGINT', renamed('n', 'x')],
    ['CHANGE COLUMN note note VARCHAR(30)', renamed('Note', 'note')],
    ['CHANGE n x TINYINT', renamed('n', 'x'), REWRITTEN],
    ['DROP k', closed('k'), KEY_CHANGED],
    ['DROP not_there', closed('not_there'), KEY_CHANGED],
    ['RENAME COLUMN K TO x', renamed('k', 'x'), KEY_CHANGED],
    ['CHANGE k x INT NOT NULL', renamed('k', 'x'), KEY_CHANGED],
    ['MODIFY k SMALLINT', KEY_CHANGED, REWRITTEN],
    ['MODIFY n INT PRIMARY KEY', KEY_CHANGED],
    ['ADD PRIMARY KEY (n)', KEY_CHANGED],
    ['ADD CONSTRAINT PRIMARY KEY (n)', KEY_CHANGED],
    ['ADD CONSTRAINT `pk` PRIMARY KEY (n)', KEY_CHANGED],
    ['ADD (x INT, CONSTRAINT pk PRIMARY KEY (x))', KEY_CHANGED],
    ['ADD x INT KEY', KEY_CHANGED, REWRITTEN],
    ['ADD x SERIAL PRIMARY KEY', KEY_CHANGED, REWRITTEN],
    ['DROP PRIMARY KEY', KEY_CHANGED],
    ['DROP KEY `PRIMARY`', KEY_CHANGED],
    ['DROP CONSTRAINT `primary`', KEY_CHANGED],
  ])('says which are closed, renamed, or of the key: %s', (actions, ...effects) => {
    expect(altered(actions)).toEqual([...effects, TOUCHED]);
  });

  it('takes a column for one of the key when the table is not known', () => {
    expect(altered('DROP n', { known: undefined })).toEqual([closed('n'), KEY_CHANGED, TOUCHED]);
  });
});

describe('a constant that an added column has in stored rows', () => {
  it.each<[string, string]>([
    ['INT DEFAULT 5', '5'],
    ['INT NOT NULL DEFAULT -0', '0'],
    ["TINYINT(1) DEFAULT '007'", '7'],
    ['BOOL DEFAULT TRUE', '1'],
    ['BIGINT UNSIGNED DEFAULT 18446744073709551615', '18446744073709551615'],
    ['DECIMAL(10,2) DEFAULT 1.5', '"1.50"'],
    ["DECIMAL(10,2) DEFAULT '-0.05'", '"-0.05"'],
    ['DECIMAL DEFAULT 7', '"7"'],
    ['DECIMAL(2,2) DEFAULT .5', '"0.50"'],
    ['DOUBLE DEFAULT -3.00', '-3'],
    ['FLOAT(24) DEFAULT 0', '0'],
    ["BIT DEFAULT b'1'", 'true'],
    ['BIT(1) DEFAULT 0b0', 'false'],
    ['YEAR(4) DEFAULT 1999', '1999'],
    ["DATE DEFAULT '1970-01-02'", '1'],
    ["DATETIME DEFAULT '1970-01-01 00:00:01'", '1000'],
    ["DATETIME(6) DEFAULT '1970-01-01 00:00:01.5'", '1500000'],
    ["TIME(1) DEFAULT '01:00:00'", '3600000000'],
    ["VARCHAR(9) DEFAULT 'it''s \\\\'", '"it\'s \\\\"'],
    ["CHAR(3) CHARACTER SET latin1 DEFAULT 'abc'", '"abc"'],
    ["ENUM('a','b') DEFAULT 'b'", '"b"'],
  ])('is told: %s', (definition, value) => {
    expect(altered(`ADD x ${definition}`)).toEqual([constant('x', value), TOUCHED]);
  });

  it.each([
    'TINYINT DEFAULT 128',
    'INT UNSIGNED DEFAULT -1',
    'INT DEFAULT 1.0',
    "INT DEFAULT ' 5'",
    "INT DEFAULT ''",
    'BIGINT DEFAULT 1e3',
    'DECIMAL(10,2) DEFAULT 1.005',
    'DECIMAL(3,2) DEFAULT 10',
    'DECIMAL(3,2) DEFAULT -0.00',
    'DECIMAL(3,2) UNSIGNED DEFAULT -1',
    'FLOAT DEFAULT 16777217',
    'FLOAT DEFAULT 0.5',
    'DOUBLE(5,2) DEFAULT 1',
    'BIT(2) DEFAULT 1',
    "BIT DEFAULT '1'",
    'YEAR DEFAULT 99',
    'YEAR DEFAULT 0',
    "DATE DEFAULT '2023-02-29'",
    "DATE DEFAULT '0000-00-00'",
    "DATE DEFAULT '2020-1-1'",
    'DATE DEFAULT 20200101',
    "DATETIME DEFAULT '2020-01-01T00:00:00'",
    "DATETIME DEFAULT '2020-01-01 00:00:00.5'",
    "DATETIME DEFAULT '2020-01-01 00:00:00+01:00'",
    "DATETIME DEFAULT '2020-01-01 24:00:00'",
    "TIME DEFAULT '1:00:00'",
    "TIME DEFAULT '839:00:00'",
    "TIMESTAMP DEFAULT '2020-01-01 00:00:00'",
    "VARCHAR(3) DEFAULT 'abcd'",
    "VARCHAR(9) DEFAULT 'é'",
    "VARCHAR(9) DEFAULT 'a\\nb'",
    "VARCHAR(9) DEFAULT N'a'",
    "VARCHAR(9) DEFAULT _utf8mb4 'a'",
    "VARCHAR(9) DEFAULT 'a' 'b'",
    'VARCHAR(9) DEFAULT 0x61',
    'VARCHAR(9) DEFAULT 5',
    "VARCHAR(9) CHARACTER SET binary DEFAULT 'a'",
    "VARCHAR(9) COLLATE binary DEFAULT 'a'",
    "CHAR(9) BYTE DEFAULT 'a'",
    "CHAR(9) DEFAULT 'a '",
    "TEXT DEFAULT 'a'",
    "BINARY(1) DEFAULT 'a'",
    "ENUM('a','b') DEFAULT 'A'",
    "ENUM('a','b') DEFAULT 1",
    "SET('a','b') DEFAULT 'a'",
    'JSON DEFAULT 5',
    "INT DEFAULT b'1'",
  ])('is not told where the server may have changed it: %s', (definition) => {
    expect(altered(`ADD x ${definition}`)).toEqual([REWRITTEN, TOUCHED]);
  });

  it('is a text only where the charset is certain', () => {
    const actions = "ADD x VARCHAR(9) DEFAULT 'a'";
    expect(altered(actions)).toEqual([constant('x', '"a"'), TOUCHED]);
    expect(altered(actions, { known: undefined })).toEqual([REWRITTEN, TOUCHED]);
    expect(altered(actions, { known: { ...KNOWN, defaultCharset: 'binary' } })).toEqual([
      REWRITTEN,
      TOUCHED,
    ]);
    expect(altered(`${actions}, COLLATE = binary`)).toEqual([REWRITTEN, TOUCHED]);
    expect(altered("ADD x VARCHAR(9) CHARSET utf8 DEFAULT 'a'", { known: undefined })).toEqual([
      constant('x', '"a"'),
      TOUCHED,
    ]);
  });

  it('is not told of a column that may have been there', () => {
    const actions = 'ADD COLUMN IF NOT EXISTS x INT DEFAULT 5';
    expect(altered(actions)).toEqual([constant('x', '5'), TOUCHED]);
    expect(altered(actions, { known: undefined })).toEqual([REWRITTEN, TOUCHED]);
  });
});

describe('an ALTER TABLE of whole rows', () => {
  it.each<[string, ...object[]]>([
    ['DROP PARTITION p0, p1', { kind: 'rowsRemoved' }],
    ['TRUNCATE PARTITION p0, p1', { kind: 'rowsRemoved' }],
    ['TRUNCATE PARTITION ALL', { kind: 'emptied' }],
    ['IMPORT TABLESPACE', { kind: 'replaced' }],
    ['IMPORT PARTITION p0, p1 TABLESPACE', { kind: 'replaced' }],
  ])('says what became of them: %s', (actions, ...effects) => {
    expect(altered(actions)).toEqual([...effects, TOUCHED]);
  });

  it('swaps rows with another table', () => {
    const other = { database: 'x', table: 'b' };
    expect(
      effectsOf('ALTER TABLE a EXCHANGE PARTITION p0 WITH TABLE x.b WITHOUT VALIDATION'),
    ).toEqual([
      { table: TABLE, kind: 'replaced' },
      { table: other, kind: 'replaced' },
      { table: other, kind: 'touched' },
      { table: TABLE, kind: 'touched' },
    ]);
  });

  it.each(['RENAME b', 'RENAME TO b', 'RENAME AS `shop`.b', 'RENAME = b'])(
    'gives them to another name: %s',
    (actions) => {
      const table = { database: 'shop', table: 'b' };
      expect(effectsOf(`ALTER TABLE a ADD x INT DEFAULT 5, ${actions}`)).toEqual([
        { table, kind: 'replaced', from: TABLE },
        { table: TABLE, kind: 'dropped' },
        { table, ...constant('x', '5') },
        { table, kind: 'touched' },
      ]);
    },
  );
});

/** One way of writing each token, and what may stand between two. */
const SPACE = fc.constantFrom(
  ' ',
  '\n',
  '\t',
  ' -- it\'s "`\n',
  ' # /*\n',
  "/* ' */",
  '/**/',
  ' /*! */ ',
  ' /*!50000*/ ',
);
const CASE = fc.constantFrom(
  (word: string) => word,
  (word: string) => word.toLowerCase(),
  (word: string) => word.charAt(0) + word.slice(1).toLowerCase(),
);
const QUOTES = fc.constantFrom(
  (name: string) => name,
  (name: string) => `\`${name}\``,
);

const ACTIONS = [
  ['ADD', '@x', 'INT'],
  [
    'ADD',
    'COLUMN',
    '@y',
    'VARCHAR',
    '(',
    '20',
    ')',
    'CHARSET',
    'latin1',
    'DEFAULT',
    "'it''s /* -- # , ('",
  ],
  ['ADD', '(', '@z', 'INT', 'NOT', 'NULL', 'DEFAULT', '-', '5', ',', 'KEY', '(', '@n', ')', ')'],
  ['ADD', '@w', 'INT', 'NOT', 'NULL'],
  ['ADD', 'CONSTRAINT', '@pk', 'PRIMARY', 'KEY', '(', '@n', ')'],
  ['DROP', 'COLUMN', '@body'],
  ['DROP', '@k'],
  ['RENAME', 'COLUMN', '@n', 'TO', '@nn'],
  ['CHANGE', '@price', '@cost', 'DECIMAL', '(', '12', ',', '2', ')'],
  ['MODIFY', '@Note', 'VARCHAR', '(', '30', ')', 'COMMENT', "'DEFAULT 5'"],
  ['MODIFY', 'COLUMN', '@at', 'DATE'],
  ['ENGINE', '=', 'InnoDB', 'COMMENT', "'a, b'"],
  ['FORCE'],
  ['CONVERT', 'TO', 'CHARACTER', 'SET', 'latin1'],
] as const;

/** Indexes of different actions, each at most once: a column cannot be changed twice. */
const CHOICE = fc.uniqueArray(fc.nat({ max: ACTIONS.length - 1 }), { minLength: 1, maxLength: 6 });

function tokensOf(choice: readonly number[]): readonly string[] {
  const actions = choice.flatMap((index, at) => [
    ...(at > 0 ? [','] : []),
    ...(ACTIONS[index] ?? []),
  ]);
  return ['ALTER', 'TABLE', '@shop', '.', '@a', ...actions];
}

describe('the spelling of an ALTER TABLE', () => {
  const plain = (tokens: readonly string[]): string =>
    tokens.map((token) => token.replace(/^@/, '')).join(' ');

  it('changes nothing of what it means', () => {
    const style = fc.record({ space: SPACE, withCase: CASE, withQuotes: QUOTES });
    const styles = fc.array(style, { minLength: 120, maxLength: 120 });
    fc.assert(
      fc.property(CHOICE, styles, (choice, spelling) => {
        const tokens = tokensOf(choice);
        const spelled = tokens.map((token, index) => {
          const { space, withCase, withQuotes } = spelling[index]!;
          if (token.startsWith('@')) return `${space}${withQuotes(token.slice(1))}`;
          return `${space}${/^[A-Z]+$/.test(token) ? withCase(token) : token}`;
        });
        expect(effectsOf(spelled.join(''))).toEqual(effectsOf(plain(tokens)));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['with escapes', 0n, (text: string) => `'${text.replaceAll(/['\\]/g, '\\$&')}'`],
    [
      'with doubled quotes',
      NO_BACKSLASH_ESCAPES,
      (text: string) => `'${text.replaceAll("'", "''")}'`,
    ],
    [
      'in double quotes',
      0n,
      (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '""')}"`,
    ],
  ])('keeps strings whole, whatever they hold, written %s', (_, sqlMode, quoted) => {
    const anything = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\ufffd'));
    const ascii = fc.string({ unit: 'grapheme-ascii' });
    fc.assert(
      fc.property(anything, ascii, (comment, value) => {
        const actions = `COMMENT ${quoted(comment)}, ADD x VARCHAR(99) DEFAULT ${quoted(value)}`;
        expect(altered(actions, { context: { sqlMode } })).toEqual([
          constant('x', JSON.stringify(value)),
          TOUCHED,
        ]);
      }),
    );
  });

  it('keeps names whole, whatever they hold', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => !text.includes('\ufffd'));
    fc.assert(
      fc.property(name, name, name, (database, table, to) => {
        const tick = (text: string): string => `\`${text.replaceAll('`', '``')}\``;
        const sql = `ALTER TABLE ${tick(database)}.${tick(table)} RENAME COLUMN n TO ${tick(to)}`;
        expect(effectsOf(sql)).toEqual([
          ...(to === 'n' ? [] : [{ table: { database, table }, ...renamed('n', to) }]),
          { table: { database, table }, ...TOUCHED },
        ]);
      }),
    );
  });

  it('loses no action, whatever stands before and behind it', () => {
    fc.assert(
      fc.property(CHOICE, (choice) => {
        const kindsOf = (indexes: readonly number[]): ReadonlySet<string> =>
          new Set(effectsOf(plain(tokensOf(indexes))).map(({ kind }) => kind));
        const alone = new Set(choice.flatMap((index) => [...kindsOf([index])]));
        expect(kindsOf(choice)).toEqual(alone);
      }),
    );
  });

  it('is never an error, and never loses a table, whatever the text', () => {
    const noise = fc.array(
      fc.constantFrom(
        ...ACTIONS.flat(),
        '(',
        ')',
        "'",
        '`',
        '"',
        '/*',
        '*/',
        '--',
        '\\',
        ';',
        'ä',
        '1e5',
        '.',
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(noise, (words) => {
        const statement = readStatement(
          `ALTER TABLE a ADD q INT, ${words.join(' ')}`,
          CONTEXT,
          () => KNOWN,
        );
        expect(statement.kind).toBe('ddl');
        expect(statement.kind === 'ddl' && statement.effects).toContainEqual(
          expect.objectContaining({ table: TABLE }),
        );
      }),
      { numRuns: 1000 },
    );
  });
});
