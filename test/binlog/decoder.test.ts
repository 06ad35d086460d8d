import { describe, expect, it } from 'vitest';
import { BinlogDecoder } from '../../src/binlog/decoder.ts';
import type { BinlogEvent, RowChange, RowsEvent } from '../../src/binlog/event.ts';
import { SluiceError } from '../../src/errors/error.ts';
import { eventsAtOnce, eventsIn } from '../support/decoded-events.ts';
import { compressedPayloadOf, eventsOfFile, payloadOf, rawEvent, sealed } from './raw-event.ts';

/** What `every-event.sql` left in the log of a MySQL 9.7.4. */
const FILE = eventsOfFile('every-event.binlog');
const UUID = '639a3906-e6e8-11f1-bd5c-02fc00000001';

const FORMAT_DESCRIPTION = 15;
const TABLE_MAP = 19;
const WRITE_ROWS = 30;

function decodeAll(
  events: readonly Buffer[],
  decoder = new BinlogDecoder(),
): readonly BinlogEvent[] {
  return events.flatMap((event) => eventsAtOnce(decoder.decode(event)));
}

const fileDescription = FILE.find((event) => event[4] === FORMAT_DESCRIPTION)!;

/** A decoder that has read a file's description, with checksums. */
function startedDecoder(): BinlogDecoder {
  const decoder = new BinlogDecoder();
  decodeAll([fileDescription], decoder);
  return decoder;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SluiceError) return error.code;
    throw error;
  }
  return 'no error';
}

function isRows(event: BinlogEvent): event is BinlogEvent & RowsEvent {
  return event.kind === 'rows';
}

const A = undefined;
const N = null;
const ROWS: readonly (readonly [table: string, op: string, rows: readonly RowChange[]])[] = [
  [
    'numbers',
    'insert',
    [
      {
        before: undefined,
        after: [
          1,
          -128,
          65535,
          -8388608,
          18446744073709551615n,
          '-12345678.9012',
          0.1,
          1e300,
          'qgo=',
          2026,
        ],
      },
      { before: undefined, after: [2, N, N, N, N, N, N, N, N, N] },
    ],
  ],
  [
    'texts',
    'insert',
    [{ before: undefined, after: ['žluťoučký 😀', '€', '表', 'é', 'a,c', 'AQAAAA==', '3q2+7w=='] }],
  ],
  [
    'texts',
    'update',
    [
      {
        before: ['žluťoučký 😀', '€', '表', 'é', 'a,c', 'AQAAAA==', '3q2+7w=='],
        after: ['žluťoučký 😀', 'ab', '表', 'é', 'b', 'AQAAAA==', '3q2+7w=='],
      },
    ],
  ],
  [
    'times',
    'insert',
    [
      {
        before: undefined,
        after: [1, 20780, -45296789100, 1795395723456789, '2026-11-23T01:02:03.456Z', '0000-00-00'],
      },
    ],
  ],
  [
    'documents',
    'insert',
    [
      {
        before: undefined,
        after: [
          1,
          '{"a": null, "b": [1, 2.0, "x\\n"]}',
          { srid: 4326, wkb: 'AQEAAAAAAAAAAADwPwAAAAAAAABA' },
          [1.5, -0.1, 3],
        ],
      },
    ],
  ],
  [
    'times',
    'delete',
    [
      {
        before: [
          1,
          20780,
          -45296789100,
          1795395723456789,
          '2026-11-23T01:02:03.456Z',
          '0000-00-00',
        ],
        after: undefined,
      },
    ],
  ],
  [
    'times',
    'insert',
    [
      { before: undefined, after: [2, -1, N, N, N, N] },
      { before: undefined, after: [3, N, N, N, N, N] },
    ],
  ],
  [
    'numbers',
    'update',
    [{ before: [2, A, A, A, A, A, A, A, A, A], after: [A, 1, A, A, A, A, A, A, A, A] }],
  ],
  ['times', 'insert', [{ before: undefined, after: [4, N, N, N, N, N] }]],
];

describe('BinlogDecoder on a file a server wrote', () => {
  const events = decodeAll(FILE);

  it('reads every row of every statement, with absent columns told from NULL', () => {
    expect(
      events.filter(isRows).map((event) => [event.table.id.table, event.op, event.read()]),
    ).toEqual(ROWS);
  });

  it('counts the rows it reads', () => {
    for (const event of events.filter(isRows)) expect(event.count()).toBe(event.read().length);
  });

  it('names every transaction, those with a tag too', () => {
    const gtids = events.flatMap((event) => (event.kind === 'gtid' ? [event.gtid] : []));
    const untagged = Array.from({ length: 16 }, (_, index) => `${UUID}:${10192 + index}`);
    expect(gtids).toEqual([
      ...untagged.slice(0, 10),
      `${UUID}:night_shift:4`,
      ...untagged.slice(10),
    ]);
  });

  it('knows the file and what was in the log before it', () => {
    expect(events[0]).toMatchObject({
      kind: 'formatDescription',
      serverVersion: '9.7.4-2',
      checksum: 'crc32',
    });
    expect(events[1]).toMatchObject({
      kind: 'previousGtids',
      gtidSet: `${UUID}:1-10191,${UUID}:abc:1,${UUID}:night_shift:1-3`,
    });
    expect(events.at(-1)).toMatchObject({
      kind: 'rotate',
      file: 'binlog.000024',
      pos: 4,
      artificial: false,
    });
  });

  it('says which table rows are of that it does not read, and where an XA transaction is prepared', () => {
    const partial = events.filter((event) => event.kind === 'unsupportedRows');
    expect(partial).toMatchObject([
      {
        feature: 'partial JSON updates (binlog_row_value_options = PARTIAL_JSON)',
        table: { id: { database: 'fixture' } },
      },
    ]);
    expect(events.filter((event) => event.kind === 'xaPrepare')).toMatchObject([
      { onePhase: false },
    ]);
    expect(events.filter((event) => event.kind === 'unsupported')).toEqual([]);
  });

  it('describes tables as information_schema would: key in its own order, charsets, members', () => {
    const table = events.find(
      (event) => event.kind === 'tableMap' && event.table.id.table === 'texts',
    );
    expect(table?.kind === 'tableMap' && table.table.schema).toEqual({
      id: { database: 'fixture', table: 'texts' },
      key: [3, 0],
      columns: [
        { name: 'a', nullable: false, type: { kind: 'text', charset: 'utf8mb4' } },
        { name: 'b', nullable: true, type: { kind: 'text', charset: 'latin1' } },
        { name: 'c', nullable: true, type: { kind: 'text', charset: 'sjis' } },
        { name: 'd', nullable: false, type: { kind: 'enum', members: ['x', 'é'] } },
        { name: 'e', nullable: true, type: { kind: 'set', members: ['a', 'b', 'c'] } },
        { name: 'f', nullable: true, type: { kind: 'binary', fixedBytes: 4 } },
        { name: 'g', nullable: true, type: { kind: 'binary', fixedBytes: 0 } },
      ],
    });
  });

  it('hands out one schema object for all equal table maps', () => {
    const schemas = events.flatMap((event) =>
      event.kind === 'tableMap' && event.table.id.table === 'times' ? [event.table.schema] : [],
    );
    expect(schemas.length).toBeGreaterThan(2);
    expect(new Set(schemas).size).toBe(1);
  });

  it('reads the rows of an event again and again', () => {
    const [first] = events.filter(isRows);
    expect(first?.read()).toEqual(first?.read());
  });
});

describe('BinlogDecoder', () => {
  it('takes the artificial ROTATE before the file is described, with and without a checksum', () => {
    const body = '0400000000000000 62696e6c6f672e303030303231';
    for (const checksum of [true, false]) {
      const options = { flags: 0x20, timestampS: 0, checksum };
      expect(decodeAll([rawEvent(4, body, options)])).toMatchObject([
        { kind: 'rotate', file: 'binlog.000021', pos: 4, artificial: true },
      ]);
    }
  });

  it('checks no checksums in a file without, and all of them in a file with', () => {
    const heartbeat = '62696e6c6f672e303030303231';
    const without = Buffer.from(fileDescription);
    without[without.length - 5] = 0;
    const decoder = new BinlogDecoder();
    decodeAll([without], decoder);
    expect(decodeAll([rawEvent(27, heartbeat, { checksum: false })], decoder)).toMatchObject([
      { kind: 'heartbeat', file: 'binlog.000021', pos: 1000, isWhole: false },
    ]);
    const damaged = rawEvent(27, heartbeat);
    damaged[20] = 0x78;
    expect(codeOf(() => decodeAll([damaged], startedDecoder()))).toBe('binlog.checksum');
  });

  it('accepts the description of a file that is still being written', () => {
    const open = Buffer.from(fileDescription);
    open.writeUInt16LE(open.readUInt16LE(17) | 1, 17);
    expect(decodeAll([open])).toMatchObject([{ kind: 'formatDescription', checksum: 'crc32' }]);
  });

  it('refuses an event that is shorter or longer than it says', () => {
    const event = rawEvent(16, '0100000000000000');
    for (const bytes of [
      event.subarray(0, -1),
      Buffer.concat([event, Buffer.alloc(1)]),
      event.subarray(0, 10),
    ])
      expect(codeOf(() => decodeAll([bytes], startedDecoder()))).toBe('binlog.truncated');
  });

  it('skips an unknown event only when the server says that it may be ignored', () => {
    const decoder = startedDecoder();
    expect(decodeAll([rawEvent(43, '00', { flags: 0x80 })], decoder)).toMatchObject([
      { kind: 'ignored' },
    ]);
    expect(codeOf(() => decodeAll([rawEvent(43, '00')], decoder))).toBe('binlog.unknown-event');
  });

  it.each([
    ['LOAD of MySQL 5.0', 6, 'LOAD DATA'],
    ['WRITE_ROWS_V0', 20, 'before 5.1.18'],
    ['MariaDB GTID', 162, 'MariaDB'],
    ['MariaDB ANNOTATE_ROWS with the flag of ignorable events', 160, 'MariaDB'],
  ])('names what %s stands for instead of reading it', (_, type, feature) => {
    const [event] = decodeAll([rawEvent(type, '00', { flags: 0x80 })], startedDecoder());
    expect(event?.kind === 'unsupported' && event.feature).toContain(feature);
  });

  it.each([
    ['STOP', 3, '', { kind: 'ignored' }],
    ['INTVAR, which prepares the statement that follows', 5, '00', { kind: 'ignored' }],
    ['USER_VAR, which prepares the statement that follows', 14, '00', { kind: 'ignored' }],
    ['RAND, which prepares the statement that follows', 13, '00', { kind: 'ignored' }],
    ['APPEND_BLOCK, which holds a file that is loaded', 9, '00', { kind: 'ignored' }],
    ['DELETE_FILE, which ends a file that was not loaded', 11, '00', { kind: 'ignored' }],
    ['BEGIN_LOAD_QUERY, which begins a file that is loaded', 17, '00', { kind: 'ignored' }],
    ['XA_PREPARE in one phase', 38, '01', { kind: 'xaPrepare', onePhase: true }],
    [
      'EXECUTE_LOAD_QUERY',
      18,
      '01000000 00000000 01 0000 0000 01000000 02000000 03000000 00 64 00 4c4f4144',
      { kind: 'query', database: 'd', sql: 'LOAD' },
    ],
    ['XID', 16, '0100000000000000', { kind: 'xid' }],
    ['ANONYMOUS_GTID', 34, '00', { kind: 'anonymousGtid' }],
    ['VIEW_CHANGE', 37, '00', { kind: 'ignored' }],
    ['INCIDENT', 26, '0100 04 6c6f7374', { kind: 'incident', message: 'lost' }],
    [
      'HEARTBEAT v2',
      41,
      '01 03 612e62 02 04 fd000001 00',
      { kind: 'heartbeat', file: 'a.b', pos: 65536, isWhole: true },
    ],
    [
      'ROWS_QUERY longer than its length byte',
      29,
      '01 53454c454354',
      { kind: 'rowsQuery', sql: 'SELECT' },
    ],
    ['PREVIOUS_GTIDS, empty', 35, '0000000000000000', { kind: 'previousGtids', gtidSet: '' }],
    [
      'GTID of 8.0 with both commit times',
      33,
      '00 639a3906e6e811f1bd5c02fc00000001 0700000000000000 02 0000000000000000 0100000000000000 02000000000080 01000000000000',
      { kind: 'gtid', gtid: `${UUID}:7`, committedAtUs: 1 },
    ],
    [
      'GTID of 5.7, which has no commit time',
      33,
      '00 639a3906e6e811f1bd5c02fc00000001 0700000000000000',
      { kind: 'gtid', gtid: `${UUID}:7`, committedAtUs: 0 },
    ],
    [
      'CREATE TABLE `café`, sent in latin1',
      2,
      `01000000 00000000 01 0000 1a00 00 00000000 01 0300000000000000 06 03737464 04 0800 0800 ff00 78 00 ${Buffer.from('CREATE TABLE `café` (id INT)', 'latin1').toString('hex')}`,
      { kind: 'query', database: 'x', sqlMode: 3n, sql: 'CREATE TABLE `café` (id INT)' },
    ],
    [
      'ALTER of a TIMESTAMP with explicit_defaults_for_timestamp off, behind every other status variable',
      2,
      `01000000 00000000 01 0000 5400 00 00000000 01 0300000000000000 06 03737464 03 01000100 04 0800 0800 ff00 05 03555443 07 0100 08 ff00 09 0000000000000000 0a 00000000 0b 01 61 02 6263 0c 02 7800 797a00 0d 010203 10 00 11 0100000000000000 78 00 ${Buffer.from('ALTER TABLE t ADD a TIMESTAMP').toString('hex')}`,
      { kind: 'query', sqlMode: 3n, explicitDefaultsForTimestamp: false },
    ],
    [
      'ALTER of a TIMESTAMP with explicit_defaults_for_timestamp on and more databases than a list takes',
      2,
      `01000000 00000000 01 0000 0400 0cfe 1001 78 00 ${Buffer.from('ALTER TABLE t ADD a TIMESTAMP').toString('hex')}`,
      { kind: 'query', sqlMode: 0n, explicitDefaultsForTimestamp: true },
    ],
    [
      'a statement whose status ends in variables of no known length',
      2,
      `01000000 00000000 01 0000 0400 0e01 1000 78 00 ${Buffer.from('ALTER TABLE t ADD a TIMESTAMP').toString('hex')}`,
      { kind: 'query', sqlMode: 0n, explicitDefaultsForTimestamp: undefined },
    ],
  ])('reads %s', (_, type, hex, expected) => {
    expect(decodeAll([rawEvent(type, hex)], startedDecoder())).toMatchObject([expected]);
  });

  it('refuses a transaction number that could not be counted', () => {
    const event = rawEvent(33, '00 639a3906e6e811f1bd5c02fc00000001 ffffffffffff1f00');
    expect(codeOf(() => decodeAll([event], startedDecoder()))).toBe('binlog.unsupported');
  });

  describe('with a table `d`.`t` (id INT NOT NULL, note VARCHAR(20), PRIMARY KEY (id))', () => {
    const MAP_HEAD = '010000000000 0100 01 64 00 01 74 00 02 03 0f 02 5000 02';
    const FULL = `${MAP_HEAD} 01 01 00 02 03 fc ff00 04 08 02 6964 04 6e6f7465 08 01 00`;
    const BARE = MAP_HEAD;
    const HEAD = '010000000000 0100 0200 02';

    const rowsOf = (map: string, rows: string, type = WRITE_ROWS): RowsEvent | undefined =>
      decodeAll([rawEvent(TABLE_MAP, map), rawEvent(type, rows)], startedDecoder()).find(isRows);

    it('reads INSERT INTO t VALUES (7, "ab"), (8, NULL)', () => {
      const rows = rowsOf(FULL, `${HEAD} ff 00 07000000 02 6162 02 08000000`);
      expect(rows?.read()).toEqual([
        { before: undefined, after: [7, 'ab'] },
        { before: undefined, after: [8, null] },
      ]);
      expect(rows?.endOfStatement).toBe(true);
    });

    it('reads version 1 of the event, which has no extra data', () => {
      const rows = rowsOf(FULL, '010000000000 0100 02 ff 00 07000000 02 6162', 23);
      expect(rows?.read()).toEqual([{ before: undefined, after: [7, 'ab'] }]);
    });

    it('passes over the extra data of a partitioned table', () => {
      const rows = rowsOf(FULL, '010000000000 0100 0500 010000 02 ff 00 07000000 02 6162');
      expect(rows?.read()).toEqual([{ before: undefined, after: [7, 'ab'] }]);
    });

    it('counts rows without metadata, and refuses to read them', () => {
      const rows = rowsOf(BARE, `${HEAD} ff 00 07000000 02 6162 02 08000000`);
      expect(rows?.table.schema).toBeUndefined();
      expect(rows?.count()).toBe(2);
      expect(codeOf(() => rows?.read())).toBe('binlog.metadata-missing');
    });

    it('refuses rows without any column: the log does not say how many there are', () => {
      const rows = rowsOf(FULL, `${HEAD} 00`);
      expect(rows?.count()).toBe(0);
      expect(codeOf(() => rows?.read())).toBe('binlog.unsupported');
    });

    it('does not let a statement use the table maps of an earlier one', () => {
      const row = rawEvent(WRITE_ROWS, `${HEAD} ff 00 07000000 02 6162`);
      expect(codeOf(() => decodeAll([rawEvent(TABLE_MAP, FULL), row, row], startedDecoder()))).toBe(
        'binlog.truncated',
      );
    });

    it('forgets table maps when a new file begins', () => {
      const row = rawEvent(WRITE_ROWS, `${HEAD} ff 00 07000000 02 6162`);
      const events = [rawEvent(TABLE_MAP, FULL), fileDescription, row];
      expect(codeOf(() => decodeAll(events, startedDecoder()))).toBe('binlog.truncated');
    });

    it('follows a table id that comes to mean another table', () => {
      const other = FULL.replace('01 74', '01 75');
      const row = rawEvent(WRITE_ROWS, `${HEAD} ff 00 07000000 02 6162`);
      const events = [rawEvent(TABLE_MAP, FULL), row, rawEvent(TABLE_MAP, other), row];
      const rows = decodeAll(events, startedDecoder()).filter(isRows);
      expect(rows.map(({ table }) => table.id.table)).toEqual(['t', 'u']);
    });

    it('refuses rows with another number of columns than their table', () => {
      expect(codeOf(() => rowsOf(FULL, '010000000000 0100 0200 03 ff'))).toBe('binlog.truncated');
    });

    it('asks for the charset of a collation it is told about', () => {
      const newCollation = FULL.replace('fc ff00', 'fc 0f27');
      const decoder = new BinlogDecoder({
        resolveCharset: (id) => (id === 9999 ? 'cp1251' : 'latin1'),
      });
      const events = [
        fileDescription,
        rawEvent(TABLE_MAP, newCollation),
        rawEvent(WRITE_ROWS, `${HEAD} ff 00 07000000 01 c6`),
      ];
      expect(decodeAll(events, decoder).find(isRows)?.read()).toEqual([
        { before: undefined, after: [7, 'Ж'] },
      ]);
    });

    it('reads no value in a collation it does not know, ASCII or not', () => {
      const rows = rowsOf(FULL.replace('fc ff00', 'fc 0f27'), `${HEAD} ff 00 07000000 01 61`);
      expect(() => rows?.read()).toThrow(/d\.t\.note in charset collation-9999/);
    });

    it('reads UTF-8 strictly: a replacement character is kept, never made up', () => {
      expect(rowsOf(FULL, `${HEAD} ff 00 07000000 03 efbfbd`)?.read()[0]?.after).toEqual([
        7,
        '\ufffd',
      ]);
      expect(codeOf(() => rowsOf(FULL, `${HEAD} ff 00 07000000 02 c328`)?.read())).toBe(
        'binlog.unsupported',
      );
    });
  });

  it('reads the hidden array of a multi-valued index as JSON (8.0.17)', () => {
    // CREATE TABLE t (id INT, arr ...): type 20 with elements of type 8; the value is [9].
    const map =
      '010000000000 0100 01 64 00 01 74 00 02 03 14 01 08 02 01 01 00 04 07 02 6964 03 617272';
    const row = '010000000000 0100 0200 02 ff 00 07000000 08000000 02 0100 0700 05 0900';
    const events = [rawEvent(TABLE_MAP, map), rawEvent(WRITE_ROWS, row)];
    expect(decodeAll(events, startedDecoder()).find(isRows)?.read()).toEqual([
      { before: undefined, after: [7, '[9]'] },
    ]);
  });

  it('reads a transaction in one event like the same events one by one', () => {
    const transaction = FILE.slice(7, 11);
    const inner = decodeAll([payloadOf(transaction)], startedDecoder());
    const single = decodeAll(transaction, startedDecoder());
    expect(inner.map(({ kind }) => kind)).toEqual(['begin', 'tableMap', 'rows', 'xid']);
    expect(inner.filter(isRows).map((event) => event.read())).toEqual(
      single.filter(isRows).map((event) => event.read()),
    );
    expect(inner.map(({ header }) => header.logPos)).toEqual([0, 0, 0, 1000]);
  });

  it('inflates a large transaction step by step, to the same events', async () => {
    const [begin, map, rows, xid] = FILE.slice(7, 11) as [Buffer, Buffer, Buffer, Buffer];
    const many = Array.from({ length: 20_000 }, () => [map, rows]).flat();
    const decoded = startedDecoder().decode(compressedPayloadOf([begin, ...many, xid]));
    if (decoded.kind !== 'compressed') throw new Error('no transaction');
    expect(Symbol.iterator in decoded.steps).toBe(false);
    const expected = decodeAll([map, rows], startedDecoder()).find(isRows)?.read();
    const seen: BinlogEvent[] = [];
    for await (const event of eventsIn(decoded)) {
      seen.push(event);
      if (isRows(event)) expect(event.read()).toEqual(expected);
    }
    expect(seen).toHaveLength(40_002);
    expect(seen.slice(0, -1).every(({ header }) => header.logPos === 0)).toBe(true);
    expect(seen.at(-1)).toMatchObject({ kind: 'xid', header: { logPos: 1000 } });
  });

  it.each([
    ['longer than it says', -1],
    ['shorter than it says', 1],
  ])('refuses a large transaction that is %s', async (_, more) => {
    const [begin, map, rows, xid] = FILE.slice(7, 11) as [Buffer, Buffer, Buffer, Buffer];
    const many = Array.from({ length: 20_000 }, () => [map, rows]).flat();
    const payload = compressedPayloadOf([begin, ...many, xid], more);
    const walked = async (): Promise<void> => {
      for await (const _ of eventsIn(startedDecoder().decode(payload)));
    };
    await expect(walked()).rejects.toMatchObject({ code: 'binlog.truncated' });
  });

  it('refuses a compressed transaction that is damaged or of another size than it says', () => {
    const payload = FILE.find((event) => event[4] === 40)!;
    const damaged = Buffer.from(payload);
    damaged[damaged.length - 9] = (damaged.at(-9) ?? 0) ^ 0xff;
    expect(codeOf(() => decodeAll([sealed(damaged)], startedDecoder()))).toBe('binlog.truncated');
    const events = rawEvent(40, '02 01 07 00 00');
    expect(codeOf(() => decodeAll([events], startedDecoder()))).toBe('binlog.unsupported');
  });
});
