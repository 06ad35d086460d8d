import type { CascadingKey } from '../capture/cascades.ts';
import type { EventStream, ServerHistory, Sight, SourceServer } from '../capture/source-server.ts';
import type { GtidSetText } from '../change/gtid.ts';
import type { TableId } from '../change/table.ts';
import { followedTables, type TablePatterns } from '../change/table-pattern.ts';
import { type DumpSettings, openBinlogStream } from './binlog-stream.ts';
import { readCascadingKeys } from './cascading-keys.ts';
import type { MysqlSession } from './connection.ts';
import { allTables, oneTable, readSights, tellDefinitions } from './information-schema.ts';
import type { OneServer } from './one-server.ts';
import { databasesReadAsAWhole } from './readable-databases.ts';
import { canonicalGtids, executedWithin, readBinlogEnd } from './server-status.ts';

export type SourceServerSettings = DumpSettings & TablePatterns;

const HISTORY = `SELECT @@server_uuid AS serverUuid, @@version AS version,
  @@global.gtid_executed AS executed, @@global.gtid_purged AS purged,
  @@global.lower_case_table_names AS nameCase`;

/** The source over one control connection, made when first needed and again after it broke. */
export class MysqlSourceServer implements SourceServer {
  readonly #server: OneServer;
  readonly #settings: SourceServerSettings;
  readonly #closing = new AbortController();
  #session: Promise<MysqlSession> | undefined;

  constructor(server: OneServer, settings: SourceServerSettings) {
    this.#server = server;
    this.#settings = settings;
  }

  async history(): Promise<ServerHistory> {
    const session = await this.#control();
    const [version] = await session.query('SELECT @@version AS version', 'reading the version');
    // The end first: a position behind the set is caught up by the stream, one ahead would lie.
    const binlogEnd = await readBinlogEnd(session, version?.['version'] ?? '');
    const [row] = await session.query(HISTORY, "reading the server's history");
    const [oldest] = await session.query('SHOW BINARY LOGS', 'listing the binlog files');
    return {
      serverUuid: row?.['serverUuid'] ?? '',
      version: row?.['version'] ?? '',
      gtidExecuted: canonicalGtids(row?.['executed']),
      gtidPurged: canonicalGtids(row?.['purged']),
      binlogEnd,
      oldestFile: oldest?.['Log_name'] ?? '',
      ignoresNameCase: row?.['nameCase'] !== '0',
    };
  }

  async waitForExecuted(gtidSet: GtidSetText, timeoutMs: number): Promise<void> {
    await executedWithin(await this.#control(), gtidSet, timeoutMs);
  }

  async executed(): Promise<GtidSetText> {
    const [row] = await (await this.#control()).query(
      'SELECT @@global.gtid_executed AS executed',
      'reading what has been executed',
    );
    return canonicalGtids(row?.['executed']);
  }

  async capturedTables(): Promise<readonly { readonly id: TableId; readonly sight: Sight }[]> {
    const matches = followedTables(this.#settings);
    return readSights(await this.#control(), allTables(matches));
  }

  async cascadingKeys(): Promise<readonly CascadingKey[]> {
    return readCascadingKeys(await this.#control());
  }

  async look(id: TableId): Promise<Sight> {
    const session = await this.#control();
    const [table] = await readSights(session, oneTable(id));
    if (table) return table.sight;
    const isReadAsAWhole = await databasesReadAsAWhole(session);
    return { kind: isReadAsAWhole(id.database) ? 'gone' : 'hidden' };
  }

  openStream(after: GtidSetText, signal: AbortSignal): Promise<EventStream> {
    return openBinlogStream(this.#server, this.#settings, after, signal);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const session = await this.#session?.catch(() => undefined);
    this.#session = undefined;
    await session?.[Symbol.asyncDispose]();
  }

  /** Calls follow one another, so that two at once do not open two sessions. */
  #control(): Promise<MysqlSession> {
    const earlier = this.#session;
    this.#session = (async () => {
      const session = await earlier?.catch(() => undefined);
      if (session?.usable) return session;
      session?.destroy();
      return this.#open();
    })();
    return this.#session;
  }

  async #open(): Promise<MysqlSession> {
    const session = await this.#server.connect({}, this.#closing.signal);
    await tellDefinitions(session);
    return session;
  }
}
