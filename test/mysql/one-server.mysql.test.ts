import { once } from 'node:events';
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BinlogDecoder } from '../../src/binlog/decoder.ts';
import { GivenCommands } from '../../src/capture/given-commands.ts';
import type { CaptureProgress } from '../../src/capture/progress.ts';
import { runCapture } from '../../src/capture/run-capture.ts';
import { DEFAULT_ROW_SETTINGS } from '../../src/change/row-settings.ts';
import { MysqlChunkReader } from '../../src/mysql/chunk-reader.ts';
import { connect, type MysqlAccount } from '../../src/mysql/connection.ts';
import { OneServer } from '../../src/mysql/one-server.ts';
import { MysqlSourceServer } from '../../src/mysql/source-server.ts';
import type { ChunkRequest } from '../../src/snapshot/chunk-reader.ts';
import { InMemoryBroker, InMemoryLog } from '../support/in-memory-log.ts';
import { ownServers } from '../support/shop-harness.ts';
import { account, MYSQL_URL, never } from './support.ts';

const SERVERS_MS = 180_000;
const ROWS = 40;
const CHUNK_ROWS = 5;
/** The same on both servers. */
const READER = { user: `one_server_${process.pid}`, password: 'same-on-both' };
/** Payload length 3, sequence 1, then the command: a dump by GTID. */
const COM_DUMP_GTID = 0x1e;
const COMMAND_AT = 4;

/** One address, behind which servers take turns, as behind a proxy or a name that moves. */
class SharedAddress implements AsyncDisposable {
  readonly #listener = createServer((socket) => {
    this.#serve(socket);
  });
  readonly #sockets = new Set<Socket>();
  #target: MysqlAccount;

  constructor(target: MysqlAccount) {
    this.#target = target;
  }

  static async before(target: MysqlAccount): Promise<SharedAddress> {
    const address = new SharedAddress(target);
    address.#listener.listen(0, '127.0.0.1');
    await once(address.#listener, 'listening');
    return address;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** New connections lead to this server. A dump stays where it is, all others end, which their clients know then. */
  async moveTo(target: MysqlAccount): Promise<void> {
    this.#target = target;
    const closed = [...this.#sockets].map((socket) => once(socket, 'close'));
    for (const socket of this.#sockets) socket.end();
    await Promise.all(closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #serve(socket: Socket): void {
    const upstream = connectSocket(this.#target.port, this.#target.host);
    this.#sockets.add(socket);
    socket.on('data', (chunk) => {
      if (chunk[COMMAND_AT] === COM_DUMP_GTID) this.#sockets.delete(socket);
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => socket.write(chunk));
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => other.destroy());
    }
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

/** Two servers with one history, of which the second did not log it, as a replica from a backup. */
describe.skipIf(!MYSQL_URL)('a source whose address begins to lead to another server', () => {
  const scope = new AsyncDisposableStack();
  const database = `one_server_${process.pid}`;
  let first: MysqlAccount;
  let second: MysqlAccount;

  async function run(
    on: MysqlAccount,
    ...statements: readonly string[]
  ): Promise<Readonly<Record<string, string | null>>> {
    await using session = await connect(on, {}, never);
    let rows: Awaited<ReturnType<typeof session.query>> = [];
    for (const sql of statements) rows = await session.query(sql, 'test statement');
    return rows[0] ?? {};
  }

  const filled = (version: string): readonly string[] => [
    `CREATE USER ${READER.user} IDENTIFIED BY '${READER.password}'`,
    `GRANT ALL ON *.* TO ${READER.user}`,
    `CREATE DATABASE ${database}`,
    `CREATE TABLE ${database}.orders (id INT PRIMARY KEY, version VARCHAR(9))`,
    `INSERT INTO ${database}.orders VALUES ${Array.from({ length: ROWS }, (_, id) => `(${id}, '${version}')`).join(', ')}`,
  ];

  beforeAll(async () => {
    const own = scope.use(await ownServers(['mysql']));
    const { mysql } = own.addresses;
    if (!mysql) throw new Error('no server');
    first = account();
    second = { host: mysql.host, port: mysql.port, user: mysql.user, password: mysql.password };
    await run(first, ...filled('first'));
    await run(second, 'SET sql_log_bin = 0', ...filled('second'));
  }, SERVERS_MS);
  afterAll(async () => {
    await run(first, `DROP DATABASE ${database}`, `DROP USER ${READER.user}`);
    await scope.disposeAsync();
  }, SERVERS_MS);

  it(
    'ends the attempt, and the next one reads all of its connections from the other server',
    async () => {
      await using shared = await SharedAddress.before(first);
      const broker = new InMemoryBroker();
      const rowsOf = (version: string): number =>
        broker.committed.filter(
          ({ topic, value }) =>
            topic.endsWith('.orders') && value?.toString().includes(`"${version}"`),
        ).length;
      const attempt = attemptThrough(shared, broker, database);

      const moving = attempt(
        () => false,
        async ({ after }) => {
          if (Number(after) >= CHUNK_ROWS) await shared.moveTo(second);
        },
      );
      const { uuid: firstUuid } = await run(first, 'SELECT @@server_uuid AS uuid');
      const { uuid: secondUuid, host } = await run(
        second,
        'SELECT @@server_uuid AS uuid, @@hostname AS host',
      );
      const failure: unknown = await moving.catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'mysql.server-changed' });
      for (const part of [firstUuid, secondUuid, host])
        expect(String(failure)).toContain(part ?? 'a part that is missing');
      const copied = rowsOf('first');
      expect(copied).toBeGreaterThan(0);
      expect(copied).toBeLessThan(ROWS);
      expect(rowsOf('second')).toBe(0);

      // The second server has what the first attempt has read, and no more.
      const checkpoint = JSON.parse(
        broker.committed
          .findLast(({ key }) => key?.toString() === 'checkpoint')
          ?.value?.toString() ?? '{}',
      ) as { readonly gtidSet: string };
      await run(second, `SET GLOBAL gtid_purged = '+${checkpoint.gtidSet}'`);
      await attempt(({ snapshot, caughtUp }) => caughtUp && snapshot === undefined);
      expect(rowsOf('first')).toBe(copied);
      expect(rowsOf('second')).toBe(ROWS - copied);
    },
    SERVERS_MS,
  );
});

/** Runs attempts of one pipeline through the address until they fail, or may end. */
function attemptThrough(
  shared: SharedAddress,
  broker: InMemoryBroker,
  database: string,
): (
  isDone: (progress: CaptureProgress) => boolean,
  beforeChunk?: (request: ChunkRequest) => Promise<void>,
) => Promise<void> {
  const include = [`${database}.*`];
  return async (isDone, beforeChunk = () => Promise.resolve()) => {
    const source = new OneServer({ ...READER, host: '127.0.0.1', port: shared.port });
    const abort = new AbortController();
    const server = new MysqlSourceServer(source, {
      serverId: 4_200_000 + process.pid,
      identity: `one-server-${process.pid}`,
      include,
      exclude: [],
    });
    const reader = new MysqlChunkReader(source);
    try {
      await runCapture(
        {
          server,
          reader: {
            readChunk: async (request, signal) => {
              await beforeChunk(request);
              return reader.readChunk(request, signal);
            },
            forget: (table) => {
              reader.forget(table);
            },
            close: () => reader.close(),
          },
          log: new InMemoryLog(broker, 'one', () => 'commit'),
          newDecoder: () => new BinlogDecoder(),
          nowMs: Date.now,
          reach: () => undefined,
          notify: () => undefined,
          report: (progress) => {
            if (isDone(progress)) abort.abort();
          },
        },
        {
          pipeline: 'one',
          prefix: 'one',
          owner: 'default/cdc/one',
          include,
          exclude: [],
          snapshotMode: 'initial',
          chunkRows: CHUNK_ROWS,
          maxChunkBytes: 1e6,
          maxBatchBytes: 1e6,
          maxBatchRows: 10,
          idleMs: 1,
          positionIntervalMs: 1,
          reportIntervalMs: 1,
          onFailure: () => 'stop-table',
          rowSettings: () => DEFAULT_ROW_SETTINGS,
          tripwire: { hasCommitted: false, epoch: 0 },
          commands: new GivenCommands(),
        },
        abort.signal,
      );
    } finally {
      await Promise.allSettled([reader.close(), server.close()]);
    }
  };
}
