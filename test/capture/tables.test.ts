import { describe, expect, it } from 'vitest';
import { GivenCommands } from '../../src/capture/given-commands.ts';
import { DEFAULT_ROW_SETTINGS, type RowSettings } from '../../src/change/row-settings.ts';
import { type TableId, type TableName, tableName } from '../../src/change/table.ts';
import { BEFORE_HEADER } from '../../src/topic/publisher.ts';
import { tableTopic } from '../../src/topic/topic-name.ts';
import { PREFIX } from '../support/capture-attempt.ts';
import {
  A,
  B,
  create,
  insert,
  Pipeline,
  remove,
  row,
  shop,
  update,
} from '../support/captured-shop.ts';
import { SimulatedMysql } from '../support/simulated-mysql.ts';

describe('a captured table', () => {
  it('is copied, with its deletes, when it is included again after it was excluded', async () => {
    const pipeline = new Pipeline();
    await pipeline.run();
    await pipeline.run({ exclude: ['shop.b'] });
    expect(pipeline.status(B)).toBe('stopped');
    pipeline.source.write([insert(B, 6, 6), remove(B, 1, 1)]);
    await pipeline.run({ exclude: ['shop.b'] });
    expect(pipeline.oracle.rows(B)).toHaveLength(5);
    await pipeline.run();
    pipeline.expectEqual(B);
    pipeline.expectEqual(A);
  });

  it('is not passed on while the account may not read it, and copied when it may', async () => {
    const source = shop();
    source.hidden.add(B);
    const pipeline = new Pipeline(source);
    await pipeline.run();
    source.write([insert(B, 6, 6)]);
    await pipeline.run();
    const topic = tableTopic(PREFIX, SimulatedMysql.id('b'));
    expect(pipeline.broker.committed.filter((record) => record.topic === topic)).toEqual([]);
    expect(pipeline.notices).toContainEqual(
      expect.objectContaining({ kind: 'tableStopped', table: B, code: 'mysql.grant-missing' }),
    );
    source.hidden.clear();
    await pipeline.run();
    pipeline.expectEqual(B);
    expect(pipeline.notices).toContainEqual({ kind: 'tableReturned', table: B });
  });

  it('that nobody has announced is copied when its first row comes', async () => {
    const pipeline = new Pipeline();
    await pipeline.run();
    const id = SimulatedMysql.id('late');
    const late = tableName(id);
    pipeline.source.changeSilently((tables) => {
      const rows = new Map([
        ['1', row(1, 1)],
        ['2', row(2, 2)],
      ]);
      tables.set(late, { id, columns: ['id', 'v'], key: ['id'], rows });
    });
    let isWritten = false;
    pipeline.source.tick = () => {
      if (!isWritten) pipeline.source.write([insert(late, 3, 3)]);
      isWritten = true;
    };
    await pipeline.run({}, () => pipeline.status(late) === 'consistent');
    pipeline.expectEqual(late);
  });

  it('without a primary key stops alone, and comes back with a copy once it has one', async () => {
    const pipeline = new Pipeline();
    const id = SimulatedMysql.id('keyless');
    const name = tableName(id);
    await pipeline.run();
    create(pipeline.source, 'keyless', []);
    pipeline.source.write([insert(name, 1, 1), insert(A, 6, 6)]);
    await pipeline.run();
    expect(pipeline.status(name)).toBe('stopped');
    expect(pipeline.notices).toContainEqual(
      expect.objectContaining({ kind: 'tableStopped', table: name, code: 'table.no-key' }),
    );
    pipeline.expectEqual(A);
    pipeline.source.execute('ALTER TABLE keyless ADD PRIMARY KEY (id)', (tables) => {
      const table = tables.get(name);
      if (table) tables.set(name, { ...table, key: ['id'], rows: new Map([['1', row(1, 1)]]) });
    });
    await pipeline.run({}, () => pipeline.status(name) === 'consistent');
    pipeline.expectEqual(name);
  });

  it('whose copy fails stops alone while the stream of all others goes on', async () => {
    const source = shop();
    source.broken.set(A, 'mysql.grant-missing');
    const pipeline = new Pipeline(source);
    await pipeline.run();
    source.write([insert(B, 6, 6)]);
    await pipeline.run();
    pipeline.expectEqual(B);
    expect(pipeline.status(A)).toBe('stopped');
    source.broken.clear();
    await pipeline.run({
      commands: new GivenCommands([
        { kind: 'snapshot', commandId: 'c1', snapshotId: 's1', tables: ['shop.a'] },
      ]),
    });
    pipeline.expectEqual(A);
  });

  it('whose copy fails for a moment is read again, and stops nothing', async () => {
    const source = shop();
    source.broken.set(A, 'mysql.query-failed');
    let tries = 0;
    source.onChunk = ({ table }) => {
      if (table.table !== 'a') return undefined;
      tries += 1;
      if (tries > 1) source.broken.clear();
      return undefined;
    };
    const pipeline = new Pipeline(source);
    let nowMs = 0;
    await pipeline.run({}, undefined, () => (nowMs += 100));
    expect(tries).toBeGreaterThan(1);
    pipeline.expectEqual(A);
    pipeline.expectEqual(B);
    expect(pipeline.notices.filter(({ kind }) => kind === 'tableStopped')).toEqual([]);
  });

  it('whose copy goes on failing is given up alone after three tries, with the code of the failure', async () => {
    const source = shop();
    source.broken.set(A, 'mysql.query-failed');
    const atMs: number[] = [];
    let nowMs = 0;
    source.onChunk = ({ table }) => {
      if (table.table === 'a') atMs.push(nowMs);
      // Rows come while it waits to be tried again, and are passed on.
      if (table.table === 'a' && atMs.length === 2) source.write([insert(B, 6, 6)]);
      return undefined;
    };
    const pipeline = new Pipeline(source);
    let isPassedOn = false;
    const stopped = { kind: 'tableStopped', table: A, code: 'mysql.query-failed' };
    const isStopped = (): boolean => {
      const has = pipeline.status(A) === 'stopped';
      if (!has) isPassedOn ||= pipeline.oracle.rows(B).length === 6;
      return has;
    };
    await pipeline.runUntil(isStopped, {}, () => (nowMs += 100));
    expect(pipeline.notices).toContainEqual(expect.objectContaining(stopped));
    expect(atMs).toHaveLength(3);
    const [first = 0, second = 0, third = 0] = atMs;
    expect(second - first).toBeGreaterThanOrEqual(1_000);
    expect(third - second).toBeGreaterThanOrEqual(5_000);
    expect(isPassedOn).toBe(true);
    pipeline.expectEqual(B);
  });

  it.each([
    ['without a row', false],
    ['with a row', true],
  ])('of an unknown type, made %s while others stream, stops alone', async (_, hasRow) => {
    const pipeline = new Pipeline();
    await pipeline.run();
    const id = SimulatedMysql.id('shapes');
    const name = tableName(id);
    const reason = 'Column outline of shop.shapes has the unknown type vector.';
    pipeline.source.unreadable.set(name, {
      kind: 'unreadable',
      code: 'table.unknown-type',
      reason,
    });
    create(pipeline.source, 'shapes');
    if (hasRow) pipeline.source.write([insert(name, 1, 1)]);
    pipeline.source.write([insert(A, 6, 6)]);
    await pipeline.run({}, () => pipeline.status(name) === 'stopped');
    expect(pipeline.notices).toContainEqual(
      expect.objectContaining({
        kind: 'tableStopped',
        table: name,
        code: 'table.unknown-type',
        reason,
      }),
    );
    const topic = tableTopic(PREFIX, id);
    expect(pipeline.broker.committed.filter((record) => record.topic === topic)).toEqual([]);
    pipeline.expectEqual(A);
  });

  it.each([
    ['binlog.unsupported', { invalidText: 'replace' }],
    ['kafka.record-too-large', { beforeImage: 'key' }],
  ] as const)(
    'that has stopped by %s comes back with a copy once it is set otherwise, and is tried once',
    async (code, cure) => {
      const source = shop();
      source.broken.set(A, code);
      const pipeline = new Pipeline(source);
      await pipeline.run();
      await pipeline.run();
      const tries = (): number =>
        pipeline.controls(A).filter((it) => it === 'snapshotBegin').length;
      expect(pipeline.status(A)).toBe('stopped');
      expect(tries()).toBe(1);
      const rowSettings = (): RowSettings => ({ ...DEFAULT_ROW_SETTINGS, ...cure });
      await pipeline.run({ rowSettings });
      expect(pipeline.status(A)).toBe('stopped');
      await pipeline.run({ rowSettings });
      expect(tries()).toBe(2);
      source.broken.clear();
      await pipeline.run({ rowSettings });
      expect(pipeline.status(A)).toBe('stopped');
      source.write([insert(A, 6, 6), remove(A, 1, 1)]);
      await pipeline.run();
      pipeline.expectEqual(A);
      expect(tries()).toBe(3);
    },
  );

  it('has the key alone before an update where it is set so, and is equal downstream', async () => {
    const pipeline = new Pipeline();
    const rowSettings = ({ table }: TableId): RowSettings => ({
      invalidText: 'stop',
      beforeImage: table === 'a' ? 'key' : 'full',
    });
    await pipeline.run({ rowSettings });
    pipeline.source.write([update(A, 5, 5, 50), update(B, 5, 5, 50)]);
    await pipeline.run({ rowSettings });
    const updates = pipeline.broker.committed.filter(({ value }) => value?.includes('"op":"u"'));
    expect(
      updates.map(({ value, headers }) => [
        (JSON.parse(value ?? '') as { readonly before: unknown }).before,
        headers.find(([name]) => name === BEFORE_HEADER)?.[1],
      ]),
    ).toEqual([
      [{ id: 5 }, 'key'],
      [{ id: 5, v: 5 }, undefined],
    ]);
    pipeline.expectEqual(A);
    pipeline.expectEqual(B);
  });

  it('stops the whole pipeline when that is asked for', async () => {
    const source = shop();
    source.broken.set(A, 'mysql.grant-missing');
    const run = new Pipeline(source).run({ onFailure: () => 'stop-pipeline' });
    await expect(run).rejects.toMatchObject({ code: 'mysql.grant-missing' });
  });

  it('loses rows on request by a refresh that sweeps: what the log has not told goes', async () => {
    const pipeline = new Pipeline();
    await pipeline.run();
    pipeline.source.changeSilently((tables) => {
      const table = tables.get(B);
      if (table) tables.set(B, { ...table, rows: new Map([['2', row(2, 2)]]) });
    });
    await pipeline.run({
      commands: new GivenCommands([
        { kind: 'snapshot', commandId: 'c1', snapshotId: 'nightly', tables: ['shop.b'] },
      ]),
    });
    pipeline.expectEqual(B);
  });

  it('is copied again, with its deletes, when that is asked for while the stream runs', async () => {
    const pipeline = new Pipeline();
    await pipeline.run();
    pipeline.source.changeSilently((tables) => {
      const table = tables.get(B);
      if (table) tables.set(B, { ...table, rows: new Map([['2', row(2, 2)]]) });
    });
    const commands = new GivenCommands();
    let isGiven = false;
    pipeline.source.tick = () => {
      const starts = pipeline.notices.filter(({ kind }) => kind === 'started');
      if (isGiven || starts.length < 2) return;
      isGiven = true;
      const id = 'c1';
      commands.give([{ kind: 'snapshot', commandId: id, snapshotId: id, tables: ['shop.b'] }]);
    };
    await pipeline.run({ commands }, () =>
      pipeline.notices.some((notice) => notice.kind === 'commandsApplied'),
    );
    pipeline.expectEqual(B);
    const told = pipeline.notices.filter(({ kind }) => /^(started|commands|snapshot)/.test(kind));
    expect(told.slice(2)).toMatchObject([
      { kind: 'started', commandIds: [] },
      { kind: 'commandsApplied', commandIds: ['c1'] },
      { kind: 'snapshotFinished', snapshotId: 'c1' },
    ]);
    const begun = pipeline.broker.committed.findLast(({ key }) => key === 'checkpoint');
    expect(begun?.value).toContain('"appliedCommands":["c1"]');
  });

  it('is announced again when a column that was dropped has come back as it was', async () => {
    const pipeline = new Pipeline();
    const { source } = pipeline;
    await pipeline.run();
    const alter = (
      sql: string,
      columns: readonly string[],
      of: (id: number) => ReadonlyMap<string, number | null>,
    ): void =>
      source.execute(sql, (tables) => {
        const table = tables.get(A);
        const rows = [...(table?.rows.keys() ?? [])].map((key) => [key, of(Number(key))] as const);
        if (table) tables.set(A, { ...table, columns, rows: new Map(rows) });
      });
    alter('ALTER TABLE a DROP COLUMN v', ['id'], (id) => new Map([['id', id]]));
    await pipeline.run();
    const before = pipeline.controls(A).filter((kind) => kind === 'schema').length;
    alter(
      'ALTER TABLE a ADD COLUMN v INT',
      ['id', 'v'],
      (id) =>
        new Map([
          ['id', id],
          ['v', null],
        ]),
    );
    await pipeline.run({}, () => pipeline.controls(A).at(-1) === 'schema');
    const after = pipeline.controls(A).filter((kind) => kind === 'schema').length;
    expect(after).toBe(before + 1);
  });

  it('whose copy is cancelled when the stream begins inside a transaction leaves that whole', async () => {
    const pipeline = new Pipeline();
    const { source } = pipeline;
    await pipeline.run();
    let chunks = 0;
    source.onChunk = ({ table }) => {
      if (table.table === 'b') chunks += 1;
      return undefined;
    };
    const asked = {
      kind: 'snapshot',
      commandId: 'c',
      snapshotId: 's1',
      tables: ['shop.b'],
    } as const;
    const commands = new GivenCommands([asked]);
    await pipeline.runUntil(() => chunks > 2, { chunkRows: 1, commands });
    source.write(Array.from({ length: 12 }, (_, index) => insert(A, 100 + index, 1)));
    const isInside = (): boolean =>
      pipeline.broker.committed
        .findLast(({ key }) => key === 'checkpoint')
        ?.value?.includes('"open"') ?? false;
    await pipeline.runUntil(isInside, { chunkRows: 1, maxBatchRows: 1 });
    expect(isInside()).toBe(true);
    const cancel = new GivenCommands([
      { kind: 'cancelSnapshot', commandId: 'd', snapshotId: 's1' },
    ]);
    await pipeline.run({ chunkRows: 1, maxBatchRows: 1, commands: cancel });
    const ordinals = pipeline.broker.committed.flatMap(({ key, headers }) => {
      const seq = headers.find(([name]) => name === '__sluice.seq')?.[1] ?? '';
      return /"id":1\d\d/.test(key ?? '') ? [seq.slice(0, seq.lastIndexOf('/'))] : [];
    });
    expect(ordinals).toHaveLength(12);
    expect(new Set(ordinals).size).toBe(1);
    expect(pipeline.controls(B).at(-1)).toBe('snapshotEnd');
  });

  it('that was half copied at a gap starts again with a sweep, whichever tables are recovered', async () => {
    const source = shop();
    const pipeline = new Pipeline(source);
    let isHalf = false;
    source.onChunk = ({ table, after }) => {
      isHalf ||= table.table === 'b' && after?.[0] === '3';
      return isHalf ? new Promise(() => undefined) : undefined;
    };
    await pipeline.runUntil(() => isHalf, { chunkRows: 1 });
    source.onChunk = () => undefined;
    source.write([remove(B, 1, 1), remove(A, 1, 1)]);
    source.purge();
    await expect(pipeline.run()).rejects.toMatchObject({ code: 'binlog.purged' });
    await pipeline.run({
      commands: new GivenCommands([
        { kind: 'resnapshot', commandId: 'r1', tables: ['shop.nothing'] },
      ]),
    });
    pipeline.expectEqual(B);
    expect(pipeline.status(A)).toBe('gap');
    await pipeline.run({
      commands: new GivenCommands([
        { kind: 'snapshot', commandId: 'c1', snapshotId: 's1', tables: ['shop.a'] },
      ]),
    });
    pipeline.expectEqual(A);
  });

  it('that is dropped leaves the topics without rows, and a new one under its name begins anew', async () => {
    const pipeline = new Pipeline();
    await pipeline.run();
    pipeline.source.execute('DROP TABLE b', (tables) => {
      tables.delete(B);
    });
    await pipeline.run();
    expect(pipeline.status(B)).toBeUndefined();
    create(pipeline.source, 'b');
    pipeline.source.write([insert(B, 9, 9)]);
    await pipeline.run({}, () => pipeline.status(B) !== undefined);
    pipeline.expectEqual(B);
  });

  it.each([
    ['that is followed', 'DROP TABLE b', 'b'],
    ['that is followed', 'DROP DATABASE shop', 'b'],
    ['that nobody has met', 'DROP TABLE late', 'late'],
    ['that nobody has met', 'DROP DATABASE shop', 'late'],
  ])('%s stays gone when a look has met it before %s', async (_, drop, table) => {
    const id = SimulatedMysql.id(table);
    const name = tableName(id);
    const pipeline = new Pipeline();
    const { source } = pipeline;
    await pipeline.run();
    const answer = Promise.withResolvers<void>();
    let step: 'begun' | 'altered' | 'dropped' | 'answered' = 'begun';
    let said: readonly string[] = [];
    source.onLook = (looked) => {
      if (looked.table !== table || step !== 'altered') return undefined;
      source.execute(drop, (tables) => {
        if (drop.startsWith('DROP DATABASE')) tables.clear();
        else tables.delete(name);
      });
      step = 'dropped';
      return answer.promise;
    };
    source.tick = () => {
      if (step === 'begun') {
        source.changeSilently((tables) => {
          tables.set(name, { id, columns: ['id'], key: ['id'], rows: new Map() });
        });
        source.execute(`ALTER TABLE ${table} COMMENT 'new'`, () => undefined);
        step = 'altered';
      } else if (step === 'dropped' && pipeline.committed === source.logged) {
        step = 'answered';
        said = pipeline.controls(name);
        create(source, 'other');
        answer.resolve();
      }
    };
    await pipeline.run({}, () => pipeline.status('shop.other' as TableName) === 'consistent');
    expect(pipeline.status(name)).toBeUndefined();
    expect(pipeline.controls(name)).toEqual(said);
  });

  it('that is only created exists downstream before its first row', async () => {
    const pipeline = new Pipeline();
    await pipeline.run();
    create(pipeline.source, 'empty');
    const name = 'shop.empty' as TableName;
    await pipeline.run({}, () => pipeline.controls(name).includes('schema'));
    expect(pipeline.status(name)).toBe('consistent');
  });

  it('that is made again without a row is announced before its copy ends, however late it is looked at', async () => {
    const pipeline = new Pipeline();
    const { source } = pipeline;
    await pipeline.run();
    source.execute('DROP TABLE b', (tables) => {
      tables.delete(B);
    });
    await pipeline.run();
    const sinceDropped = (): readonly string[] => {
      const kinds = pipeline.controls(B);
      return kinds.slice(kinds.lastIndexOf('tableDropped') + 1);
    };
    const isCopied = (): boolean => sinceDropped().includes('snapshotEnd');
    const copied = Promise.withResolvers<void>();
    source.onLook = ({ table }) => (table === 'b' && !isCopied() ? copied.promise : undefined);
    source.tick = () => {
      if (isCopied()) copied.resolve();
    };
    // It may have been there before, so that it is copied.
    const id = SimulatedMysql.id('b');
    source.execute('CREATE TABLE IF NOT EXISTS b (id INT PRIMARY KEY, v INT)', (tables) => {
      tables.set(B, { id, columns: ['id', 'v'], key: ['id'], rows: new Map() });
    });
    await pipeline.run({}, isCopied);
    expect(sinceDropped()).toEqual(['tableGap', 'snapshotBegin', 'schema', 'sweep', 'snapshotEnd']);
  });

  it('whose topic is that of another table stops, and never writes into it', async () => {
    const pipeline = new Pipeline();
    create(pipeline.source, 'x y');
    const first = 'shop.x y' as TableName;
    pipeline.source.write([insert(first, 1, 1)]);
    await pipeline.run();
    create(pipeline.source, 'x_y');
    const second = 'shop.x_y' as TableName;
    pipeline.source.write([insert(second, 2, 2)]);
    await pipeline.run();
    expect(pipeline.status(second)).toBe('stopped');
    pipeline.expectEqual(first);
  });
});

describe('a transaction that the server has compressed', () => {
  it('is left in the middle when the attempt is to end, and goes on there', async () => {
    const pipeline = new Pipeline();
    const { source, broker } = pipeline;
    source.compresses = () => true;
    await pipeline.run();
    const before = broker.committed.length;
    const rows = 400;
    source.write(Array.from({ length: rows }, (_, index) => insert(A, 100 + index, index)));
    let passed = 0;
    await pipeline.runUntil((progress) => {
      passed = progress.rows;
      return progress.rows >= 20;
    });
    expect(passed).toBeLessThan(rows);
    await pipeline.run();
    const topic = tableTopic(PREFIX, SimulatedMysql.id('a'));
    const keys = broker.committed
      .slice(before)
      .filter((record) => record.topic === topic)
      .map(({ key }) => key);
    expect(keys).toEqual(Array.from({ length: rows }, (_, index) => `{"id":${100 + index}}`));
  });
});
