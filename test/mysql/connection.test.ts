import { describe, expect, it } from 'vitest';
import { connect } from '../../src/mysql/connection.ts';
import { FakeServer } from './fake-server.ts';

const never = new AbortController().signal;

describe('a control connection', () => {
  it('leaves nothing to the defaults of the server, and sets what it is told besides', async () => {
    await using server = await FakeServer.start();
    await using _ = await connect(server.account, { 'SESSION autocommit': '1' }, never);
    expect(server.statements).toEqual([
      "SET SESSION time_zone = '+00:00', SESSION sql_mode = '', SESSION sql_select_limit = 18446744073709551615, SESSION max_execution_time = 0, SESSION autocommit = 1",
    ]);
  });

  it('fails a statement that is never answered, and no idle connection', async () => {
    await using server = await FakeServer.start();
    server.unanswered = /STUCK/;
    const silenceTimeoutMs = 30;
    await using session = await connect({ ...server.account, silenceTimeoutMs }, {}, never);
    await new Promise((resolve) => setTimeout(resolve, 2 * silenceTimeoutMs));
    await session.query('SELECT 1', 'asking');
    await expect(session.query('SELECT STUCK', 'asking')).rejects.toMatchObject({
      code: 'mysql.connection-lost',
      message: expect.stringContaining('no answer came for 30 ms') as string,
    });
    expect(session.usable).toBe(false);
    await expect(session.query('SELECT 1', 'asking')).rejects.toMatchObject({
      code: 'mysql.connection-lost',
    });
  });

  it('fails what is under way when it is destroyed, and when the server goes away', async () => {
    const server = await FakeServer.start();
    server.unanswered = /STUCK/;
    const first = await connect(server.account, {}, never);
    const destroyed = expect(first.query('SELECT STUCK', 'asking')).rejects.toMatchObject({
      code: 'mysql.connection-lost',
    });
    first.destroy();
    await destroyed;
    const second = await connect(server.account, {}, never);
    const rows = second.rows('SELECT STUCK', 'asking', () => true);
    const gone = expect(rows).rejects.toMatchObject({ code: 'mysql.connection-lost' });
    await server[Symbol.asyncDispose]();
    await gone;
  });

  it('gives up connecting when it is cancelled', async () => {
    await using server = await FakeServer.start();
    server.unanswered = /^SET/;
    const abort = new AbortController();
    const connecting = expect(connect(server.account, {}, abort.signal)).rejects.toThrow('stop');
    abort.abort(new Error('stop'));
    await connecting;
  });
});
