import { describe, expect, it } from 'vitest';
import { DmlQueues, GOOGLE_DML } from '../../tools/bigquery-front/dml-queues.ts';

const UPDATE = 'UPDATE `p`.`d`.`t` AS t SET a = 1 WHERE TRUE';
const transaction = (sql: string): string => `BEGIN TRANSACTION;\n${sql};\nCOMMIT TRANSACTION;`;

describe('statements that change rows of a table', () => {
  it('run two at a time, twenty wait, and the next is refused', async () => {
    const queues = new DmlQueues(GOOGLE_DML);
    const running = [await queues.enter(UPDATE), await queues.enter(UPDATE)];
    let entered = 0;
    const waiting = Array.from({ length: 20 }, async () => {
      const leave = await queues.enter(UPDATE);
      entered += 1;
      return leave;
    });
    expect(await queues.enter(UPDATE)).toMatchObject({ message: /limit is 20/ });
    expect(entered).toBe(0);
    for (const leave of running) if (typeof leave === 'function') leave();
    const first = await Promise.any(waiting);
    expect(typeof first).toBe('function');
    expect(entered).toBeLessThanOrEqual(2);
  });

  it('do not wait for INSERT, nor for another table', async () => {
    const queues = new DmlQueues({ running: 1, queued: 0 });
    await queues.enter(UPDATE);
    expect(await queues.enter('INSERT INTO p.d.t (a) VALUES (1)')).toBeTypeOf('function');
    expect(await queues.enter('DELETE FROM p.d.other AS t WHERE TRUE')).toBeTypeOf('function');
    expect(await queues.enter(UPDATE)).toMatchObject({ reason: 'resourcesExceeded' });
  });

  it('in a transaction are cancelled while others change the table', async () => {
    const queues = new DmlQueues(GOOGLE_DML);
    const leave = await queues.enter(UPDATE);
    expect(await queues.enter(transaction(UPDATE))).toMatchObject({ message: /concurrent update/ });
    if (typeof leave === 'function') leave();
    expect(await queues.enter(transaction(UPDATE))).toBeTypeOf('function');
    expect(await queues.enter(transaction(UPDATE))).toMatchObject({ reason: 'invalidQuery' });
  });
});
