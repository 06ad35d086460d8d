import { describe, expect, it } from 'vitest';
import type { GtidSetText } from '../../src/change/gtid.ts';
import { openBinlogStream } from '../../src/mysql/binlog-stream.ts';
import { OneServer } from '../../src/mysql/one-server.ts';
import { FakeServer } from './fake-server.ts';

const OTHER = '00000000-0000-0000-0000-000000000002';
const never = new AbortController().signal;

describe('the connections of one attempt', () => {
  it('lead to one server, however many there are', async () => {
    await using server = await FakeServer.start();
    const one = new OneServer(server.account);
    await using first = await one.connect({}, never);
    await using second = await one.connect({ 'SESSION autocommit': '1' }, never);
    expect([first.usable, second.usable]).toEqual([true, true]);
  });

  it('are refused when another server answers, which both names tell', async () => {
    await using server = await FakeServer.start();
    const one = new OneServer(server.account);
    await using _ = await one.connect({}, never);
    server.uuid = OTHER;
    const { port } = server.account;
    await expect(one.connect({}, never)).rejects.toMatchObject({
      code: 'mysql.server-changed',
      entry: { outcome: 'retry' },
      message: `cdc@127.0.0.1:${port} led to host-1 (server_uuid 00000000-0000-0000-0000-000000000001) before and leads to host-2 (server_uuid ${OTHER}) now. All connections begin anew with the server that answers.`,
    });
  });

  it('may lead to the other server in the next attempt', async () => {
    await using server = await FakeServer.start();
    await using _ = await new OneServer(server.account).connect({}, never);
    server.uuid = OTHER;
    await using next = await new OneServer(server.account).connect({}, never);
    expect(next.usable).toBe(true);
  });
});

describe('a dump that ends', () => {
  async function statementsAfterEnd(uuid: string): Promise<readonly string[]> {
    await using server = await FakeServer.start();
    const settings = { serverId: 4711, identity: 'shop' };
    const opening = openBinlogStream(
      new OneServer(server.account),
      settings,
      '' as GtidSetText,
      never,
    );
    (await server.dump()).event(Buffer.from('first'));
    const stream = await opening;
    server.uuid = uuid;
    await stream[Symbol.asyncDispose]();
    return server.statements;
  }

  it('ends its thread on the server', async () => {
    const statements = await statementsAfterEnd('00000000-0000-0000-0000-000000000001');
    expect(statements.filter((sql) => sql.startsWith('KILL'))).toEqual(['KILL 7']);
  });

  it('ends no thread of that number on another server', async () => {
    const statements = await statementsAfterEnd(OTHER);
    expect(statements.filter((sql) => sql.startsWith('KILL'))).toEqual([]);
  });
});
