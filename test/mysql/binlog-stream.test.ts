import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { EventStream } from '../../src/capture/source-server.ts';
import type { GtidSetText } from '../../src/change/gtid.ts';
import { type DumpSettings, openBinlogStream } from '../../src/mysql/binlog-stream.ts';
import { replicaUuid } from '../../src/mysql/dump-command.ts';
import { OneServer } from '../../src/mysql/one-server.ts';
import { FakeServer } from './fake-server.ts';

const NOTHING = '' as GtidSetText;
const never = new AbortController().signal;
const SETTINGS: DumpSettings = { serverId: 4711, identity: 'shop' };

async function opened(
  server: FakeServer,
  settings: DumpSettings = SETTINGS,
): Promise<{ stream: EventStream; dump: Awaited<ReturnType<FakeServer['dump']>> }> {
  const opening = openBinlogStream(new OneServer(server.account), settings, NOTHING, never);
  const dump = await server.dump();
  dump.event(Buffer.from('first'));
  const stream = await opening;
  expect(await eventsOf(stream)).toEqual([Buffer.from('first')]);
  return { stream, dump };
}

describe('the dump', () => {
  it('asks for everything behind the set, as the replica of its pipeline', async () => {
    await using server = await FakeServer.start();
    const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
    const opening = openBinlogStream(
      new OneServer(server.account),
      SETTINGS,
      `${uuid}:1-5` as GtidSetText,
      never,
    );
    const dump = await server.dump();
    dump.event(Buffer.from('first'));
    await using stream = await opening;
    expect(stream).toBeDefined();
    // One source with one interval, 1 up to and without 6.
    const set = `0100000000000000${uuid.replaceAll('-', '')}010000000000000001000000000000000600000000000000`;
    // Command, flags, server id, no file name, position 4, 48 bytes of set.
    expect(dump.command.toString('hex')).toBe(
      `1e02006712000000000000040000000000000030000000${set}`,
    );
    const [settings = ''] = server.statements;
    for (const part of [
      '@master_binlog_checksum = @@global.binlog_checksum',
      '@source_binlog_checksum = @@global.binlog_checksum',
      '@master_heartbeat_period = 5000000000',
      '@source_heartbeat_period = 5000000000',
      `@slave_uuid = '${replicaUuid('shop')}'`,
      `@replica_uuid = '${replicaUuid('shop')}'`,
      'SESSION net_write_timeout = 600',
      "SESSION time_zone = '+00:00'",
    ])
      expect(settings).toContain(part);
  });

  it('has the same replica id for every attempt of a pipeline and another one for another pipeline', () => {
    expect(replicaUuid('shop')).toBe(replicaUuid('shop'));
    expect(replicaUuid('shop')).not.toBe(replicaUuid('shop2'));
    expect(replicaUuid('shop')).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it('refuses to open when the server refuses the position', async () => {
    await using server = await FakeServer.start();
    const opening = openBinlogStream(new OneServer(server.account), SETTINGS, NOTHING, never);
    const refused = expect(opening).rejects.toMatchObject({ code: 'binlog.purged' });
    (await server.dump()).error(
      1236,
      'Cannot replicate because the source purged required binary logs.',
    );
    await refused;
  });

  it('hands out what has arrived before it reports that the server ended', async () => {
    await using server = await FakeServer.start();
    const { stream, dump } = await opened(server);
    await using _ = stream;
    dump.event(Buffer.from('last'));
    dump.error(1053, 'Server shutdown in progress');
    dump.socket.end();
    await once(dump.socket, 'close');
    expect(await eventsOf(stream)).toEqual([Buffer.from('last')]);
    await expect(drained(stream)).rejects.toThrow('Server shutdown in progress');
    await expect(drained(stream)).rejects.toMatchObject({ code: 'mysql.connection-lost' });
  });

  it.each([
    [
      'ends the dump',
      (dump: { end(): void }) => {
        dump.end();
      },
    ],
    [
      'closes the connection',
      (dump: { socket: { destroy(): void } }) => {
        dump.socket.destroy();
      },
    ],
    [
      'sends something that is no event',
      (dump: { payload(bytes: Buffer): void }) => {
        dump.payload(Buffer.from([0x55]));
      },
    ],
  ])('breaks when the server %s', async (_, act) => {
    await using server = await FakeServer.start();
    const { stream, dump } = await opened(server);
    await using _stream = stream;
    const broken = expect(drained(stream)).rejects.toMatchObject({ code: 'mysql.connection-lost' });
    act(dump);
    await broken;
  });

  it('breaks when not even a heartbeat comes for three periods', async () => {
    await using server = await FakeServer.start();
    const { stream } = await opened(server, { ...SETTINGS, heartbeatMs: 20 });
    await using _ = stream;
    await expect(drained(stream)).rejects.toThrow('nothing came for 60 ms');
  });

  it('stops the socket while its reader is away, and does not take that for silence', async () => {
    await using server = await FakeServer.start();
    const event = Buffer.alloc(50_000, 1);
    const total = 1000;
    const { stream, dump } = await opened(server, {
      ...SETTINGS,
      heartbeatMs: 10,
      maxBufferedBytes: 200_000,
    });
    await using _ = stream;
    for (let sent = 0; sent < total; sent += 1) dump.event(event);
    // Longer than three heartbeats: the sender's buffer must stay as full as it is.
    const standstill = await untilSteady(() => dump.socket.writableLength, 100);
    expect(standstill).toBeGreaterThan(20_000_000);
    let received = 0;
    let largest = 0;
    while (received < total) {
      const events = await eventsOf(stream);
      for (const one of events) expect(one.equals(event)).toBe(true);
      received += events.length;
      largest = Math.max(largest, events.length);
    }
    expect(received).toBe(total);
    expect(largest * event.length).toBeLessThan(400_000);
  });

  it('opens no longer than its signal allows', async () => {
    await using server = await FakeServer.start();
    const abort = new AbortController();
    const opening = openBinlogStream(
      new OneServer(server.account),
      SETTINGS,
      NOTHING,
      abort.signal,
    );
    const cancelled = expect(opening).rejects.toThrow('no more');
    await server.dump();
    abort.abort(new Error('no more'));
    await cancelled;
  });

  it('kills its thread on the server when it is closed, unless the server has ended it', async () => {
    await using server = await FakeServer.start();
    const { stream } = await opened(server);
    await stream[Symbol.asyncDispose]();
    await stream[Symbol.asyncDispose]();
    expect(server.statements.filter((sql) => sql.startsWith('KILL'))).toEqual(['KILL 7']);
    await expect(drained(stream)).rejects.toMatchObject({ code: 'mysql.connection-lost' });
  });
});

/** What one read hands out, as copies. */
async function eventsOf(stream: EventStream): Promise<readonly Buffer[]> {
  return Array.from(await stream.read(), ({ bytes, start, end }) =>
    Buffer.from(bytes.subarray(start, end)),
  );
}

/** Reads to the end, which a dump has only by failing. */
async function drained(stream: EventStream): Promise<never> {
  for (;;) Array.from(await stream.read());
}

/** The value once it has not changed for `steadyMs`. */
async function untilSteady(value: () => number, steadyMs: number): Promise<number> {
  for (let before = -1, since = Date.now(); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (value() !== before) [before, since] = [value(), Date.now()];
    else if (Date.now() - since >= steadyMs) return before;
  }
}
