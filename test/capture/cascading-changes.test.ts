import { describe, expect, it } from 'vitest';
import { GivenCommands } from '../../src/capture/given-commands.ts';
import type { TableName } from '../../src/change/table.ts';
import {
  A,
  B,
  cascadingKey,
  create,
  insert,
  Pipeline,
  remove,
  row,
  update,
} from '../support/captured-shop.ts';
import { XA_COMMIT } from '../support/simulated-mysql.ts';

/** What a foreign key does, which no event tells of. */
function removeSilently({ source }: Pipeline, key: string, from: TableName = B): void {
  source.changeSilently((tables) => {
    const table = tables.get(from);
    const left = [...(table?.rows ?? [])].filter(([each]) => each !== key);
    if (table) tables.set(from, { ...table, rows: new Map(left) });
  });
}

function started(...keys: Parameters<typeof cascadingKey>[]): Pipeline {
  const pipeline = new Pipeline();
  pipeline.source.cascades = keys.map((key) => cascadingKey(...key));
  return pipeline;
}

/** A snapshot of every table that a foreign key may have changed. */
const sweep = (id: string): GivenCommands =>
  new GivenCommands([{ kind: 'snapshot', commandId: id, snapshotId: id, tables: ['@cascades'] }]);

describe('a table that a foreign key may have changed', () => {
  it('is not consistent until it is swept', async () => {
    const pipeline = started(['a', 'b', 'delete']);
    await pipeline.run();
    pipeline.expectEqual(B);
    pipeline.source.write([remove(A, 1, 1)]);
    removeSilently(pipeline, '1');
    await pipeline.run();
    expect(pipeline.status(B)).toBe('gap');
    pipeline.expectEqual(A);
    await pipeline.run({ commands: sweep('c1') });
    pipeline.expectEqual(B);
  });

  it('while a copy for an earlier change is made is not consistent after that copy', async () => {
    const pipeline = started(['a', 'b', 'delete']);
    const { source } = pipeline;
    await pipeline.run();
    let isChanged = false;
    source.onChunk = ({ table, after }) => {
      if (table.table !== 'b' || isChanged || after?.[0] !== '3') return undefined;
      isChanged = true;
      source.write([remove(A, 2, 2)]);
      removeSilently(pipeline, '2');
      return undefined;
    };
    source.write([remove(A, 1, 1)]);
    removeSilently(pipeline, '1');
    source.execute('ALTER TABLE b CONVERT TO CHARACTER SET utf8mb4', () => undefined);
    await pipeline.run({ chunkRows: 1 }, () => isChanged);
    expect(pipeline.status(B)).toBe('gap');
    await pipeline.run({ commands: sweep('c1') });
    pipeline.expectEqual(B);
  });

  it('that was dropped and made again since is not consistent after the next change', async () => {
    const pipeline = started(['a', 'b', 'delete']);
    const { source } = pipeline;
    await pipeline.run();
    source.write([remove(A, 1, 1)]);
    removeSilently(pipeline, '1');
    source.execute('DROP TABLE b', (tables) => void tables.delete(B));
    create(source, 'b');
    source.write([insert(B, 2, 2)]);
    source.write([insert(B, 3, 3)]);
    source.write([remove(A, 2, 2)]);
    removeSilently(pipeline, '2');
    await pipeline.run();
    expect(pipeline.status(B)).toBe('gap');
  });

  it.each([
    ['one that is excluded', { exclude: ['shop.a'] }],
    ['one that is captured', {}],
  ])('by a delete from %s is not consistent', async (_, input) => {
    const pipeline = started(['a', 'b', 'delete']);
    await pipeline.run(input);
    pipeline.source.write([remove(A, 1, 1)]);
    removeSilently(pipeline, '1');
    await pipeline.run(input);
    expect(pipeline.status(B)).toBe('gap');
  });

  it('by one that has stopped is not consistent', async () => {
    const pipeline = started(['a', 'b', 'delete']);
    pipeline.source.broken.set(A, 'mysql.grant-missing');
    await pipeline.run();
    expect(pipeline.status(A)).toBe('stopped');
    pipeline.source.write([remove(A, 1, 1)]);
    removeSilently(pipeline, '1');
    await pipeline.run();
    expect(pipeline.status(B)).toBe('gap');
  });

  it('by one whose rows were deleted in an XA transaction is not consistent', async () => {
    const pipeline = started(['a', 'b', 'delete']);
    const { source } = pipeline;
    await pipeline.run();
    source.prepareXa([remove(A, 1, 1)]);
    source.execute(XA_COMMIT, () => undefined);
    for (const name of [A, B]) removeSilently(pipeline, '1', name);
    await pipeline.run();
    expect(pipeline.status(B)).toBe('gap');
  });

  it('through one that is not captured is not consistent', async () => {
    const pipeline = started(['a', 'elsewhere', 'delete'], ['elsewhere', 'b', 'delete']);
    await pipeline.run();
    pipeline.source.write([remove(A, 1, 1)]);
    removeSilently(pipeline, '1');
    await pipeline.run();
    expect(pipeline.status(B)).toBe('gap');
  });

  it.each([
    ['a key that is not the primary one, when that changes', ['v'], update(A, 1, 1, 100), 'gap'],
    ['such a key, when another column changes', ['id'], update(A, 1, 1, 100), 'consistent'],
    [
      'its primary key, when that changes',
      ['id'],
      { table: A, op: 'update', before: row(1, 1), after: row(9, 1) } as const,
      'gap',
    ],
  ] as const)(
    'by an update through %s is as consistent as it is',
    async (_, columns, change, is) => {
      for (const input of [{}, { exclude: ['shop.a'] }]) {
        const pipeline = started(['a', 'b', 'update', columns]);
        await pipeline.run(input);
        pipeline.source.write([change]);
        await pipeline.run(input);
        expect(pipeline.status(B)).toBe(is);
      }
    },
  );

  it.each([
    ['that deletes', 'ON DELETE CASCADE', 'gap'],
    ['that changes nothing', 'ON DELETE RESTRICT ON UPDATE NO ACTION', 'consistent'],
  ])(
    'whose key has come right before a change, one %s, is as consistent as it is',
    async (_, action, is) => {
      const pipeline = started();
      const { source } = pipeline;
      await pipeline.run();
      let isDone = false;
      await pipeline.run({}, () => {
        if (isDone) return true;
        isDone = true;
        source.execute(
          `ALTER TABLE b ADD FOREIGN KEY (id) REFERENCES a (id) ${action}`,
          () => undefined,
        );
        source.write([remove(A, 1, 1)]);
        return false;
      });
      expect(pipeline.status(B)).toBe(is);
    },
  );

  it('whose key was dropped while nothing was read is not consistent', async () => {
    const pipeline = started(['a', 'b', 'delete']);
    const { source } = pipeline;
    await pipeline.run();
    source.write([remove(A, 1, 1)]);
    removeSilently(pipeline, '1');
    source.execute('ALTER TABLE b DROP FOREIGN KEY b_ibfk_1', () => undefined);
    source.cascades = [];
    await pipeline.run();
    expect(pipeline.status(B)).toBe('gap');
  });

  it('is none that nobody follows', async () => {
    const pipeline = started(['a', 'b', 'delete']);
    await pipeline.run({ exclude: ['shop.b'] });
    pipeline.source.write([remove(A, 1, 1)]);
    removeSilently(pipeline, '1');
    await pipeline.run({ exclude: ['shop.b'] });
    await pipeline.run();
    pipeline.expectEqual(B);
    pipeline.source.write([remove(A, 2, 2)]);
    removeSilently(pipeline, '2');
    await pipeline.run();
    expect(pipeline.status(B)).toBe('gap');
  });
});

describe('rows that are in the log before it is known whether they stay', () => {
  it('of an XA transaction come with its commit also into a table that was excluded meanwhile', async () => {
    const pipeline = new Pipeline();
    const { source } = pipeline;
    await pipeline.run({ exclude: ['shop.b'] });
    source.prepareXa([insert(B, 6, 6)]);
    await pipeline.run({ exclude: ['shop.b'] });
    await pipeline.run();
    source.execute(XA_COMMIT, (tables) => {
      const table = tables.get(B);
      if (table) tables.set(B, { ...table, rows: new Map([...table.rows, ['6', row(6, 6)]]) });
    });
    await pipeline.run();
    pipeline.expectEqual(B);
  });

  it('and are taken back to a savepoint are taken back downstream, too', async () => {
    const pipeline = new Pipeline();
    await pipeline.run();
    pipeline.source.rollBackToFirst([insert(A, 6, 6), insert(A, 7, 7), remove(A, 1, 1)]);
    await pipeline.run();
    pipeline.expectEqual(A);
  });
});
