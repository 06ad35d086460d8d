import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { MysqlAccount } from '../../src/mysql/connection.ts';
import { PacketFramer } from '../../src/mysql/packet-framer.ts';

const COM_QUERY = 0x03;
const COM_DUMP_GTID = 0x1e;

/**
 * As much of a MySQL server as a dump needs: it lets everybody in, tells its uuid, answers OK to every
 * other statement, and hands the socket to the test when a dump is asked for.
 */
export class FakeServer implements AsyncDisposable {
  readonly statements: string[] = [];
  uuid = '00000000-0000-0000-0000-000000000001';
  readonly #server = createServer((socket) => {
    this.#serve(socket);
  });
  readonly #sockets = new Set<Socket>();
  /** Statements that match are never answered. */
  unanswered = /^$/;
  readonly #dump = Promise.withResolvers<FakeDump>();

  static async start(): Promise<FakeServer> {
    const server = new FakeServer();
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get account(): MysqlAccount {
    const { port } = this.#server.address() as AddressInfo;
    return { host: '127.0.0.1', port, user: 'cdc', password: 'secret' };
  }

  /** The first dump somebody asked for. */
  dump(): Promise<FakeDump> {
    return this.#dump.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    const framer = new PacketFramer();
    let authenticated = false;
    socket.write(packet(0, greeting()));
    socket.on('data', (chunk) => {
      framer.feed(chunk);
      for (let came = framer.next(); came; came = framer.next()) {
        const { kind, bytes, start, end } = came;
        const body = bytes.subarray(start, end);
        if (!authenticated) {
          authenticated = true;
          socket.write(packet(2, OK_PACKET));
        } else if (kind === COM_QUERY) {
          const statement = body.toString('utf8');
          this.statements.push(statement);
          if (this.unanswered.test(statement)) continue;
          if (/@@global.server_uuid/.test(statement))
            socket.write(oneRow({ uuid: this.uuid, hostname: `host-${this.uuid.at(-1)}` }));
          else socket.write(packet(1, OK_PACKET));
        } else if (kind === COM_DUMP_GTID)
          this.#dump.resolve(new FakeDump(socket, Buffer.concat([Buffer.of(kind), body])));
      }
    });
  }
}

export class FakeDump {
  readonly socket: Socket;
  /** The command as it came, without framing. */
  readonly command: Buffer;
  #sequence = 0;

  constructor(socket: Socket, command: Buffer) {
    this.socket = socket;
    this.command = command;
  }

  /** @returns whether the socket has room for more, as `write` says */
  event(bytes: Buffer): boolean {
    return this.payload(Buffer.concat([Buffer.from([0]), bytes]));
  }

  error(errno: number, text: string): void {
    this.payload(
      Buffer.concat([Buffer.from([0xff, errno & 0xff, errno >> 8]), Buffer.from(`#HY000${text}`)]),
    );
  }

  end(): void {
    this.payload(Buffer.from([0xfe, 0, 0, 0, 0]));
  }

  payload(bytes: Buffer): boolean {
    this.#sequence += 1;
    return this.socket.write(packet(this.#sequence, bytes));
  }
}

const OK_PACKET = Buffer.from([0, 0, 0, 2, 0, 0, 0]);

function packet(sequence: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(payload.length, 0, 3);
  header[3] = sequence & 0xff;
  return Buffer.concat([header, payload]);
}

const lengthEncoded = (text: string): Buffer =>
  Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);

/** Column count, a definition for each column, EOF, the row, EOF: the protocol's text result set. */
function oneRow(row: Readonly<Record<string, string>>): Buffer {
  const names = Object.keys(row);
  const eof = Buffer.of(0xfe, 0, 0, 2, 0);
  const columns = names.map((name) =>
    Buffer.concat([
      ...['def', '', '', '', name, name].map(lengthEncoded),
      // Ten bytes more: utf8mb4, length 36, VAR_STRING.
      Buffer.of(0x0c, 45, 0, 36, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0),
    ]),
  );
  const values = Buffer.concat(names.map((name) => lengthEncoded(row[name] ?? '')));
  const packets = [Buffer.of(names.length), ...columns, eof, values, eof];
  return Buffer.concat(packets.map((payload, index) => packet(index + 1, payload)));
}

/** Protocol version 10, MySQL 9, thread 7, a salt, mysql_native_password. */
function greeting(): Buffer {
  const capabilities = 0x00000001 | 0x00000200 | 0x00008000 | 0x00080000;
  const salt = Buffer.from('abcdefghijklmnopqrst');
  const head = Buffer.alloc(2);
  head.writeUInt16LE(capabilities & 0xffff);
  const tail = Buffer.alloc(2);
  tail.writeUInt16LE(capabilities >>> 16);
  return Buffer.concat([
    Buffer.from([10]),
    Buffer.from('9.7.0\0'),
    Buffer.from([7, 0, 0, 0]),
    salt.subarray(0, 8),
    Buffer.from([0]),
    head,
    Buffer.from([45, 2, 0]),
    tail,
    Buffer.from([21]),
    Buffer.alloc(10),
    salt.subarray(8),
    Buffer.from([0]),
    Buffer.from('mysql_native_password\0'),
  ]);
}
