import type { Socket } from 'node:net';
import { createConnection } from 'mysql2';
import type { Connection } from 'mysql2/promise';

const NON_BLOCK = 1;

/**
 * Everything a server's log holds from a file on, as whole events, read with a non-blocking
 * COM_BINLOG_DUMP. A tiny client of its own, so that tests of the decoder do not rest on ours.
 */
export async function dumpEvents(url: string, file: string): Promise<readonly Buffer[]> {
  const connection = createConnection(url);
  // The server ends a non-blocking dump by closing; the driver calls that an error.
  connection.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    connection.query('SET @source_binlog_checksum = @@global.binlog_checksum', (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
  // mysql2 types leave the socket out.
  const socket = (connection as unknown as { stream: Socket }).stream;
  socket.removeAllListeners('data');
  const command = Buffer.alloc(4 + 11 + file.length);
  command.writeUIntLE(11 + file.length, 0, 3);
  command[4] = 0x12;
  command.writeUInt32LE(4, 5);
  command.writeUInt16LE(NON_BLOCK, 9);
  command.writeUInt32LE(987_654, 11);
  command.write(file, 15, 'latin1');
  socket.write(command);
  try {
    return await readPackets(socket);
  } finally {
    socket.destroy();
  }
}

function readPackets(socket: Socket): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const events: Buffer[] = [];
    let rest: Buffer = Buffer.alloc(0);
    let joined: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 4) {
        const length = rest.readUIntLE(0, 3);
        if (rest.length < 4 + length) return;
        joined.push(rest.subarray(4, 4 + length));
        rest = rest.subarray(4 + length);
        if (length === 0xffffff) continue;
        const packet = Buffer.concat(joined);
        joined = [];
        if (packet[0] === 0xff) reject(new Error(packet.toString('latin1', 9)));
        else if (packet[0] === 0xfe) resolve(events);
        else events.push(packet.subarray(1));
      }
    });
    socket.on('error', reject);
  });
}

/** The file the server writes to now. */
export async function currentFile(connection: Connection): Promise<string> {
  const [rows] = await connection.query('SHOW BINARY LOG STATUS');
  return (rows as { File: string }[])[0]?.File ?? '';
}
