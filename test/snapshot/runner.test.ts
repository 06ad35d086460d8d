import { describe, expect, it } from 'vitest';
import type { GtidSetText } from '../../src/change/gtid.ts';
import { type GtidSet, parseGtidSet } from '../../src/change/gtid-set.ts';
import type { Sequence } from '../../src/change/sequence.ts';
import { type TableName, type TableSchema, tableName } from '../../src/change/table.ts';
import type { ErrorCode } from '../../src/errors/catalogue.ts';
import { SluiceError } from '../../src/errors/error.ts';
import type { Chunk, ChunkReader, ChunkRequest } from '../../src/snapshot/chunk-reader.ts';
import { addTables, emptyPlan } from '../../src/snapshot/plan.ts';
import { type CopyTarget, SnapshotRunner, type StreamPlace } from '../../src/snapshot/runner.ts';
import { chunkRows, rowTexts } from '../support/chunk-rows.ts';

const ORDERS: TableSchema = {
  id: { database: 'shop', table: 'orders' },
  columns: [{ name: 'id', type: { kind: 'integer', bytes: 4, unsigned: false }, nullable: false }],
  key: [0],
};
const NAME: TableName = tableName(ORDERS.id);
const SOURCE = '00000000-0000-0000-0000-000000000001';

const longKey = (key: number): string => `{"id":${String(key).padStart(4_000, '0')}}`;

/** A table of so many rows, with keys from 0. */
class Table implements ChunkReader {
  readonly #rows: number;
  readonly asked: number[] = [];
  high = '' as GtidSetText;
  failure: ErrorCode | undefined;
  /** Called with every request, before its rows are handed out. */
  whileReading: (request: ChunkRequest) => void = () => undefined;

  constructor(rows: number) {
    this.#rows = rows;
  }

  async readChunk(request: ChunkRequest): Promise<Chunk> {
    this.asked.push(request.maxRows);
    await Promise.resolve();
    this.whileReading(request);
    if (this.failure) throw new SluiceError(this.failure, 'for the test');
    const first = request.after ? Number(request.after[0]) + 1 : 0;
    const end = Math.min(first + request.maxRows, this.#rows);
    const keys = Array.from({ length: end - first }, (_, index) => first + index);
    return {
      schema: ORDERS,
      rows: chunkRows(
        ORDERS,
        keys.map((key) => [key]),
      ),
      lastKey: [String(end - 1)],
      complete: end === this.#rows,
      high: this.high,
      purged: '' as GtidSetText,
    };
  }

  forget(): void {
    // Its definition never changes.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class Copied implements CopyTarget {
  readonly keys: string[] = [];
  ended = false;

  begin(): void {
    // Nothing of a beginning is looked at here.
  }
  emit(_: Chunk, surviving: Chunk['rows']): Promise<void> {
    for (const { key } of rowTexts(surviving)) this.keys.push(key);
    return Promise.resolve();
  }
  end(): void {
    this.ended = true;
  }
  abandon(): void {
    throw new Error('nothing is given up here');
  }
  gone(): void {
    throw new Error('the table stays');
  }
  failed(_: unknown, error: SluiceError): void {
    throw error;
  }
}

function streamAt(set: string): StreamPlace {
  const read = parseGtidSet(set);
  return {
    commitOrdinal: 1,
    gtidSet: set as GtidSetText,
    hasRead: (gtid) => read.contains(gtid),
    unread: (other: GtidSet) => other.subtract(read),
  };
}

interface Copying {
  readonly runner: SnapshotRunner;
  readonly copied: Copied;
  /** Between two transactions, once what was asked for has been read. */
  readonly step: (stream?: StreamPlace) => Promise<void>;
}

function copying(table: Table, maxRows: number, nowMs: () => number = () => 0): Copying {
  const plan = addTables(emptyPlan(), [NAME], {
    snapshotId: 'first',
    mode: 'initial',
    beganAt: '0' as Sequence,
    startedAtMs: 0,
  });
  let settled = Promise.withResolvers<void>();
  const runner = new SnapshotRunner(table, { maxRows, maxBytes: 1e9 }, plan, nowMs, () => {
    settled.resolve();
  });
  const copied = new Copied();
  const step = async (stream = streamAt('')): Promise<void> => {
    const asked = table.asked.length;
    await runner.step(stream, copied, new AbortController().signal);
    if (table.asked.length === asked) return;
    await settled.promise;
    settled = Promise.withResolvers<void>();
  };
  return { runner, copied, step };
}

describe('a copy of a table', () => {
  it('ends although the stream shows a hundred changed keys for each row that is read', async () => {
    const table = new Table(5_000);
    const { runner, copied, step } = copying(table, 10_000);
    let changed = 1_000_000;
    table.whileReading = ({ maxRows }) => {
      for (let left = 100 * maxRows; left > 0 && runner.watches(NAME); left -= 1) {
        changed += 1;
        runner.touch(`{"id":${changed}}`);
      }
    };
    while (!copied.ended) await step();
    expect(copied.keys).toEqual(Array.from({ length: 5_000 }, (_, key) => `{"id":${key}}`));
    // Given up twice, then a chunk that gets through; larger ones are tried again afterwards.
    expect(table.asked.slice(0, 4)).toEqual([10_000, 2_500, 625, 1_250]);
    expect(table.asked.length).toBeLessThan(20);
  });

  it('goes on in whole chunks once the storm is over', async () => {
    const table = new Table(600);
    const { runner, copied, step } = copying(table, 100);
    table.whileReading = () => {
      if (table.asked.length > 2) return;
      for (let key = 0; runner.watches(NAME); key += 1) runner.touch(longKey(key));
    };
    while (!copied.ended) await step();
    expect(table.asked).toEqual([100, 25, 6, 12, 24, 48, 96, 100, 100, 100, 100, 100]);
    expect(copied.keys).toHaveLength(600);
  });

  it('reads a row at a time at the least', async () => {
    const table = new Table(3);
    const { runner, copied, step } = copying(table, 10);
    table.whileReading = () => {
      if (table.asked.length > 4) return;
      for (let key = 0; runner.watches(NAME); key += 1) runner.touch(longKey(key));
    };
    while (!copied.ended) await step();
    expect(table.asked.slice(0, 6)).toEqual([10, 2, 1, 1, 1, 2]);
    expect(copied.keys).toEqual(['{"id":0}', '{"id":1}', '{"id":2}']);
  });

  it('ends the attempt when the log does not show what the server has executed', async () => {
    const table = new Table(3);
    table.high = `${SOURCE}:1-7` as GtidSetText;
    let nowMs = 0;
    const { copied, step } = copying(table, 10, () => nowMs);
    const stream = streamAt(`${SOURCE}:1-5`);
    const waited = async (): Promise<void> => {
      for (; nowMs < 120_000; nowMs += 500) await step(stream);
    };
    await expect(waited()).rejects.toMatchObject({
      code: 'snapshot.window-timeout',
      message: `While copying shop.orders: the server has executed ${SOURCE}:6-7, which its log has not shown for 60 s.`,
    });
    expect(nowMs).toBeGreaterThan(60_000);
    expect(copied.keys).toEqual([]);
  });

  it.each(['mysql.server-changed', 'mysql.access-denied'] as const)(
    'ends the attempt, and not the table, with %s',
    async (code) => {
      const table = new Table(3);
      table.failure = code;
      const { step } = copying(table, 10);
      await step();
      await expect(step()).rejects.toMatchObject({ code });
    },
  );

  it.each(['mysql.connection-lost', 'mysql.unreachable', 'mysql.busy'] as const)(
    'goes on where it was after two pauses for %s, and the stream with it',
    async (code) => {
      const table = new Table(3);
      let nowMs = 0;
      const { copied, step } = copying(table, 2, () => nowMs);
      table.whileReading = () => {
        table.failure = [2, 3].includes(table.asked.length) ? code : undefined;
      };
      const readAtMs: number[] = [];
      for (; !copied.ended && nowMs < 60_000; nowMs += 500) {
        const asked = table.asked.length;
        await step();
        if (table.asked.length > asked) readAtMs.push(nowMs);
      }
      expect(copied.keys).toEqual(['{"id":0}', '{"id":1}', '{"id":2}']);
      expect(readAtMs).toEqual([0, 500, 2_000, 7_500]);
    },
  );

  it('ends the attempt when its connection is lost a third time without a chunk between', async () => {
    const table = new Table(3);
    table.failure = 'mysql.connection-lost';
    let nowMs = 0;
    const { step } = copying(table, 10, () => nowMs);
    const waited = async (): Promise<void> => {
      for (; nowMs < 60_000; nowMs += 500) await step();
    };
    await expect(waited()).rejects.toMatchObject({ code: 'mysql.connection-lost' });
    expect(table.asked).toHaveLength(3);
  });
});
