import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { holdLock } from '../../../tools/stack/lock.ts';

const LOCK_MODULE = join(import.meta.dirname, '../../../tools/stack/lock.ts');

describe.skipIf(process.platform !== 'linux')('a lock', () => {
  it('makes the next holder wait until it is released', async () => {
    const name = `test ${process.pid} release`;
    const first = await holdLock(name, () => undefined);
    const order: string[] = [];
    const waited = Promise.withResolvers<void>();
    const second = holdLock(name, waited.resolve).then((lock) => {
      order.push('second holds');
      return lock;
    });
    await waited.promise;
    order.push('first releases');
    await first[Symbol.asyncDispose]();
    await (await second)[Symbol.asyncDispose]();
    expect(order).toEqual(['first releases', 'second holds']);
  });

  it('is given to one of many at a time', async () => {
    const name = `test ${process.pid} many`;
    let holders = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        await using _lock = await holdLock(name, () => undefined);
        holders++;
        most = Math.max(most, holders);
        await new Promise((resolve) => setImmediate(resolve));
        holders--;
      }),
    );
    expect(most).toBe(1);
  });

  it('is free again when its holder was killed', async () => {
    const name = `test ${process.pid} killed`;
    const script = `
      const { holdLock } = await import(${JSON.stringify(LOCK_MODULE)});
      await holdLock(${JSON.stringify(name)}, () => undefined);
      process.stdout.write('held');`;
    const holder = spawn('node', ['--input-type=module', '-e', script]);
    await once(holder.stdout, 'data');
    const waited = Promise.withResolvers<void>();
    const next = holdLock(name, waited.resolve);
    await waited.promise;
    holder.kill('SIGKILL');
    await (await next)[Symbol.asyncDispose]();
  });
});
