import { BinlogDecoder } from '../../src/binlog/decoder.ts';
import { type BinlogEvent, type RowsEvent } from '../../src/binlog/event.ts';
import type { EventStream } from '../../src/capture/source-server.ts';
import type { GtidSetText } from '../../src/change/gtid.ts';
import { openBinlogStream } from '../../src/mysql/binlog-stream.ts';
import { connect, type MysqlAccount, type MysqlSession } from '../../src/mysql/connection.ts';
import { OneServer } from '../../src/mysql/one-server.ts';
import { eventsIn } from '../support/decoded-events.ts';

export const MYSQL_URL = process.env['SLUICE_TEST_MYSQL'];

export const never = new AbortController().signal;

export function account(): MysqlAccount {
  const url = new URL(MYSQL_URL ?? 'mysql://root@127.0.0.1:3306');
  return {
    host: url.hostname,
    port: Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

let databases = 0;

/** A database of its own per use, dropped at the end of the scope. */
export class TestDatabase implements AsyncDisposable {
  readonly name: string;
  readonly session: MysqlSession;

  constructor(name: string, session: MysqlSession) {
    this.name = name;
    this.session = session;
  }

  /** Statements run one after another with this database as the default. */
  async run(...statements: readonly string[]): Promise<void> {
    for (const sql of statements) await this.session.query(sql, 'test statement');
  }

  async executed(): Promise<GtidSetText> {
    const [row] = await this.session.query('SELECT @@global.gtid_executed AS executed', 'test');
    return (row?.['executed'] ?? '').replace(/\s/g, '') as GtidSetText;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run(`DROP DATABASE ${this.name}`);
    await this.session[Symbol.asyncDispose]();
  }
}

export async function testDatabase(settings: Record<string, string> = {}): Promise<TestDatabase> {
  databases += 1;
  const name = `t_${process.pid}_${Date.now().toString(36)}_${databases}`;
  const session = await connect(account(), settings, never);
  const database = new TestDatabase(name, session);
  await database.run(`CREATE DATABASE ${name}`, `USE ${name}`);
  return database;
}

export function dump(after: GtidSetText, identity = `test-${process.pid}`): Promise<EventStream> {
  return openBinlogStream(
    new OneServer(account()),
    { serverId: 4_000_000 + process.pid, identity, heartbeatMs: 1000 },
    after,
    never,
  );
}

/** Decoded events from behind a set, up to and with the first that satisfies `last`. */
export async function eventsUntil(
  after: GtidSetText,
  last: (event: BinlogEvent) => boolean,
  decoder = new BinlogDecoder(),
): Promise<readonly BinlogEvent[]> {
  await using stream = await dump(after);
  const events: BinlogEvent[] = [];
  for (;;) {
    for (const { bytes, start, end } of await stream.read())
      for await (const event of eventsIn(decoder.decode(Buffer.from(bytes.subarray(start, end))))) {
        events.push(event);
        if (last(event)) return events;
      }
  }
}

export function isRowsOf(event: BinlogEvent, table: string): event is BinlogEvent & RowsEvent {
  return event.kind === 'rows' && event.table.id.table === table;
}
