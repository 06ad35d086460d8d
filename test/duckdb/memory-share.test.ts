import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryShare } from '../../src/duckdb/memory-share.ts';
import { SluiceError } from '../../src/errors/error.ts';

const OUT_OF_MEMORY = new Error('Out of Memory Error: failed to allocate');

describe('MemoryShare', () => {
  let nowMs = 0;
  let limits: number[] = [];
  let share: MemoryShare;
  beforeEach(() => {
    nowMs = 0;
    limits = [];
    share = new MemoryShare(
      1024,
      async (mb) => {
        limits.push(mb);
      },
      () => nowMs,
    );
  });

  /** Work that runs out of memory as long as there is the ordinary share. */
  const heavy = async (): Promise<string> => {
    if (limits.at(-1) === 1024) return 'done';
    throw OUT_OF_MEMORY;
  };

  it('leaves ordinary work its ordinary share', async () => {
    expect(await share.enough(async () => 'done')).toBe('done');
    expect(limits).toEqual([]);
  });

  it('does work again with all there is when it runs out of memory', async () => {
    expect(await share.enough(heavy)).toBe('done');
    expect(limits).toEqual([1024]);
  });

  it('knows the failure by its code as well', async () => {
    const failing = async (): Promise<string> => {
      if (limits.length > 0) return 'done';
      throw new SluiceError('duckdb.out-of-memory', 'no memory');
    };
    expect(await share.enough(failing)).toBe('done');
  });

  it('keeps all there is for a minute and goes back to the ordinary share then', async () => {
    await share.enough(heavy);
    nowMs = 59_999;
    await share.enough(async () => 'done');
    expect(limits).toEqual([1024]);
    nowMs = 60_000;
    await share.enough(async () => 'done');
    expect(limits).toEqual([1024, 128]);
  });

  it('takes nothing away while other work is under way', async () => {
    await share.enough(heavy);
    const under = Promise.withResolvers<string>();
    const first = share.enough(() => under.promise);
    nowMs = 200_000;
    await share.enough(async () => 'done');
    expect(limits).toEqual([1024]);
    under.resolve('done');
    await first;
  });

  it('fails when all there is was not enough', async () => {
    await expect(share.enough(() => Promise.reject(OUT_OF_MEMORY))).rejects.toBe(OUT_OF_MEMORY);
    await expect(share.enough(() => Promise.reject(OUT_OF_MEMORY))).rejects.toBe(OUT_OF_MEMORY);
    expect(limits).toEqual([1024]);
  });

  it('leaves other failures alone', async () => {
    const failure = new Error('Catalog Error: no such table');
    await expect(share.enough(() => Promise.reject(failure))).rejects.toBe(failure);
    expect(limits).toEqual([]);
  });

  describe('beside queries', () => {
    const end = new AbortController().signal;
    /** A query that holds memory until it is recalled. */
    const holding = async (recalled: AbortSignal): Promise<string> => {
      await new Promise<void>((resolve) => {
        recalled.addEventListener('abort', () => resolve(), { once: true });
      });
      return 'recalled';
    };

    it('has back what queries hold before work of the sink fails', async () => {
      const query = share.lend(holding, end, () => true);
      let attempts = 0;
      const work = async (): Promise<string> => {
        attempts += 1;
        if (attempts < 3) throw OUT_OF_MEMORY;
        return 'done';
      };
      expect(await share.enough(work)).toBe('done');
      expect([await query, limits]).toEqual(['recalled', [1024]]);
    });

    it('has a new query wait until the sink is through', async () => {
      const order: string[] = [];
      const first = share.lend(holding, end, () => true);
      const second = Promise.withResolvers<string>();
      let attempts = 0;
      await share.enough(async () => {
        attempts += 1;
        if (attempts < 3) throw OUT_OF_MEMORY;
        second.resolve(
          share.lend(
            async () => String(order.push('query')),
            end,
            () => true,
          ),
        );
        await first;
        order.push('sink');
      });
      await second.promise;
      expect(order).toEqual(['sink', 'query']);
    });

    it('does the sink’s work again when the query that was in its way has just ended', async () => {
      share = new MemoryShare(128, async () => {});
      const query = Promise.withResolvers<string>();
      const lent = share.lend(
        () => query.promise,
        end,
        () => true,
      );
      let attempts = 0;
      const work = async (): Promise<string> => {
        attempts += 1;
        query.resolve('ended');
        await lent;
        if (attempts === 1) throw OUT_OF_MEMORY;
        return 'done';
      };
      expect(await share.enough(work)).toBe('done');
    });

    it('lets work of the sink fail that finds too little memory with no query beside it', async () => {
      share = new MemoryShare(128, async () => {});
      await expect(share.enough(async () => Promise.reject(OUT_OF_MEMORY))).rejects.toBe(
        OUT_OF_MEMORY,
      );
    });

    it('repeats a query with all there may be, unless rows of it are out', async () => {
      expect(await share.lend(heavy, end, () => true)).toBe('done');
      limits = [];
      share = new MemoryShare(1024, async (mb) => void limits.push(mb));
      await expect(share.lend(heavy, end, () => false)).rejects.toBe(OUT_OF_MEMORY);
    });

    it('ends the waiting of a query whose time is up', async () => {
      const query = share.lend(holding, end, () => true);
      let attempts = 0;
      await share.enough(async () => {
        attempts += 1;
        if (attempts < 3) throw OUT_OF_MEMORY;
        const late = AbortSignal.abort(new Error('late'));
        await expect(share.lend(holding, late, () => true)).rejects.toThrow('late');
      });
      await query;
    });
  });
});
