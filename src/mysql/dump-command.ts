import { createHash } from 'node:crypto';

const COM_BINLOG_DUMP_GTID = 0x1e;
/** Heartbeats then carry a 64-bit position (MySQL 8.0.26 and later; older servers ignore the flag). */
const HEARTBEAT_V2 = 0x02;
const FIRST_EVENT = 4n;

/**
 * The packet that asks for everything behind a GTID set.
 *
 * Layout, little-endian: payload length 3, sequence 1, command 1, flags 2, server id 4, file name
 * length 4, file name, position 8, set length 4, set.
 *
 * @param gtidSet in the server's binary form
 */
export function dumpCommand(serverId: number, gtidSet: Buffer): Buffer {
  const payloadBytes = 1 + 2 + 4 + 4 + 8 + 4 + gtidSet.length;
  const packet = Buffer.alloc(4 + payloadBytes);
  let at = packet.writeUIntLE(payloadBytes, 0, 3) + 1;
  at = packet.writeUInt8(COM_BINLOG_DUMP_GTID, at);
  at = packet.writeUInt16LE(HEARTBEAT_V2, at);
  at = packet.writeUInt32LE(serverId, at);
  at = packet.writeUInt32LE(0, at);
  at = packet.writeBigUInt64LE(FIRST_EVENT, at);
  at = packet.writeUInt32LE(gtidSet.length, at);
  gtidSet.copy(packet, at);
  return packet;
}

/**
 * The UUID that a dump presents as a replica: the same for every attempt, so that a new dump makes
 * the server end the one an earlier attempt left behind.
 */
export function replicaUuid(identity: string): string {
  const hex = createHash('sha256').update(`sluice/${identity}`).digest('hex');
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
