import { describe, expect, it } from 'vitest';
import { dumpFailure } from '../../src/mysql/dump-failure.ts';
import { mysqlFailure } from '../../src/mysql/failure.ts';

function errPacket(errno: number, text: string): Buffer {
  const head = Buffer.from([errno & 0xff, errno >> 8]);
  return Buffer.concat([head, Buffer.from(`#HY000${text}`)]);
}

describe('mysqlFailure', () => {
  it.each([
    ['a fault of the driver', new Error("The field name can't be used"), 'mysql.query-failed'],
    ['a mistake in code', new TypeError('x is undefined'), 'mysql.query-failed'],
    ['a socket', Object.assign(new Error('read'), { code: 'ECONNRESET' }), 'mysql.connection-lost'],
    ['TLS', Object.assign(new Error('tls'), { code: 'ERR_SSL_X' }), 'mysql.connection-lost'],
  ])('tells the failure of %s by its kind', (_, error, code) => {
    expect(mysqlFailure(error, 'reading', 'cdc@db:3306').code).toBe(code);
  });
});

describe('what the server says when it ends a dump', () => {
  it.each([
    [
      'Cannot replicate because the source purged required binary logs. Replicate the missing transactions from elsewhere',
      'binlog.purged',
    ],
    ['Cannot replicate because the master purged required binary logs.', 'binlog.purged'],
    [
      'The slave is connecting using CHANGE MASTER TO MASTER_AUTO_POSITION = 1, but the master has purged binary logs containing GTIDs that the slave requires.',
      'binlog.purged',
    ],
    ['Could not find first log file name in binary log index file', 'binlog.purged'],
    ["could not find next log; the first event 'binlog.000001' at 4", 'binlog.purged'],
    [
      "Replica has more GTIDs than the source has, using the source's SERVER_UUID.",
      'binlog.diverged',
    ],
    [
      "Slave has more GTIDs than the master has, using the master's SERVER_UUID.",
      'binlog.diverged',
    ],
    ['Client requested source to start replication from position > file size', 'binlog.diverged'],
    [
      'A replica with the same server_uuid/server_id as this replica has connected to the source',
      'mysql.taken-over',
    ],
    [
      'A slave with the same server_uuid/server_id as this slave has connected to the master',
      'mysql.taken-over',
    ],
    [
      'log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source',
      'mysql.packet-too-large',
    ],
    ['event read from binlog did not pass crc check', 'binlog.checksum'],
    ['bogus data in log event', 'binlog.truncated'],
    [
      'binlog truncated in the middle of event; consider out of disk space on source',
      'binlog.truncated',
    ],
    ['Misconfigured source - server_id was not set', 'mysql.misconfigured'],
    ['Binary log is not open', 'mysql.misconfigured'],
    [
      'The replication sender thread cannot start in AUTO_POSITION mode: this server has GTID_MODE = OFF instead of ON.',
      'mysql.misconfigured',
    ],
    [
      'Replica can not handle replication events with the checksum that source is configured to log',
      'mysql.misconfigured',
    ],
    ['Something nobody has seen before', 'mysql.dump-refused'],
  ])('%s', (text, code) => {
    expect(dumpFailure(errPacket(1236, text), 'cdc@db:3306').code).toBe(code);
  });

  it('is a purge when the file asked for is unknown, whatever the words', () => {
    expect(dumpFailure(errPacket(1373, 'Target log not found'), 'cdc@db:3306').code).toBe(
      'binlog.purged',
    );
  });

  it('names the privilege to grant', () => {
    const failure = dumpFailure(
      errPacket(
        1227,
        'Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s) for this operation',
      ),
      'cdc@db:3306',
    );
    expect(failure.code).toBe('mysql.grant-missing');
    expect(failure.message).toContain("GRANT REPLICATION SLAVE ON *.* TO 'cdc'@'%'");
  });
});

describe('a failure of the driver', () => {
  const failing = (fields: object, text = 'text'): Error => Object.assign(new Error(text), fields);

  it.each([
    [{ code: 'ECONNREFUSED', errno: -111 }, 'mysql.unreachable'],
    [{ code: 'ENOTFOUND', errno: -3008 }, 'mysql.unreachable'],
    [{ code: 'ETIMEDOUT' }, 'mysql.unreachable'],
    [{ code: 'ER_ACCESS_DENIED_ERROR', errno: 1045 }, 'mysql.access-denied'],
    [{ code: 'ER_CON_COUNT_ERROR', errno: 1040 }, 'mysql.busy'],
    [{ code: 'ER_SERVER_SHUTDOWN', errno: 1053 }, 'mysql.connection-lost'],
    [{ code: 'PROTOCOL_CONNECTION_LOST' }, 'mysql.connection-lost'],
    [{ code: 'HANDSHAKE_SSL_ERROR' }, 'mysql.tls-failed'],
    [{ code: 'HANDSHAKE_SSL_ERROR', errno: -104, syscall: 'read' }, 'mysql.connection-lost'],
    [{ code: 'ER_TABLEACCESS_DENIED_ERROR', errno: 1142 }, 'mysql.grant-missing'],
    [{ code: 'ER_PARSE_ERROR', errno: 1064 }, 'mysql.query-failed'],
  ])('with %o is %s', (fields, code) => {
    expect(mysqlFailure(failing(fields), 'connecting', 'cdc@db:3306').code).toBe(code);
  });

  it('keeps the statement and the values the server quotes out of message and causes', () => {
    const error = failing(
      {
        code: 'ER_PARSE_ERROR',
        errno: 1064,
        sql: "SELECT … WHERE name > 'secret'",
        sqlMessage: "near 'secret'",
      },
      "You have an error in your SQL syntax near 'secret'",
    );
    const failure = mysqlFailure(error, 'reading table shop.orders', 'cdc@db:3306');
    const everything = [
      failure.message,
      String(failure.cause),
      JSON.stringify(failure),
      JSON.stringify(failure.cause),
    ];
    expect(everything.join(' ')).not.toContain('secret');
    expect(failure.message).toContain('ER_PARSE_ERROR (error 1064)');
  });
});
