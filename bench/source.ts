import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import type { SqlAddress } from '../tools/stack/address.ts';
import { MAKE_NUMBERS } from './order-data.ts';
import type { Workload } from './scenarios.ts';

/** Where the server's log ends. */
export interface SourcePosition {
  readonly file: string;
  readonly pos: number;
  readonly gtidSet: string;
}

/** The account the measured programs read with. */
export const READER = { user: 'bench', password: 'Sluice-bench-1' } as const;

/** Loading is not what is measured; the order of commits and the log are as ever. */
const FAST_LOADING = [
  'SET GLOBAL sync_binlog = 0',
  'SET GLOBAL innodb_flush_log_at_trx_commit = 2',
];

const STATEMENT_BYTES = 200_000;
const STATEMENTS = 200;

/** The source as its writers see it. */
export class Source implements AsyncDisposable {
  readonly address: SqlAddress;
  readonly #root: Connection;
  readonly #isOwn: boolean;

  private constructor(address: SqlAddress, root: Connection, isOwn: boolean) {
    this.address = address;
    this.#root = root;
    this.#isOwn = isOwn;
  }

  /**
   * Connects, and makes the account and the numbers that loading needs.
   * @param isOwn the server was started for this run: its settings and logs may be changed
   */
  static async open(address: SqlAddress, { isOwn }: { readonly isOwn: boolean }): Promise<Source> {
    const root = await createConnection({ ...address, multipleStatements: true, timezone: 'Z' });
    const source = new Source(address, root, isOwn);
    const { user, password } = READER;
    await source.run([
      ...(isOwn ? FAST_LOADING : []),
      ...MAKE_NUMBERS,
      `CREATE USER IF NOT EXISTS '${user}'@'%' IDENTIFIED BY '${password}'`,
      `GRANT ALL ON *.* TO '${user}'@'%'`,
    ]);
    return source;
  }

  /** Statements in order, many to a round trip, each a transaction of its own. */
  async run(statements: Iterable<string>, signal?: AbortSignal): Promise<void> {
    let together: string[] = [];
    let bytes = 0;
    for (const statement of statements) {
      together.push(statement);
      bytes += statement.length;
      if (together.length < STATEMENTS && bytes < STATEMENT_BYTES) continue;
      signal?.throwIfAborted();
      await this.#root.query(together.join(';'));
      together = [];
      bytes = 0;
    }
    if (together.length > 0) await this.#root.query(together.join(';'));
  }

  /** An empty database with the workload's tables, which is also the one statements run in. */
  async createDatabase(name: string, { tables }: Workload): Promise<void> {
    await this.run([
      `DROP DATABASE IF EXISTS \`${name}\``,
      `CREATE DATABASE \`${name}\``,
      `USE \`${name}\``,
      ...tables.map((table) => `CREATE TABLE ${table.name} ${table.columns}`),
    ]);
  }

  dropDatabase(name: string): Promise<void> {
    return this.run([`DROP DATABASE IF EXISTS \`${name}\``]);
  }

  /** Ends the present log file, so that a reader who starts here has nothing to skip. */
  async position(): Promise<SourcePosition> {
    await this.#root.query('FLUSH BINARY LOGS');
    const [row] = await this.rows('SHOW BINARY LOG STATUS');
    return {
      file: String(row?.['File']),
      pos: Number(row?.['Position']),
      gtidSet: String(row?.['Executed_Gtid_Set']).replaceAll('\n', ''),
    };
  }

  async version(): Promise<string> {
    const [row] = await this.rows('SELECT VERSION() AS version');
    return String(row?.['version']);
  }

  async rows(sql: string): Promise<readonly RowDataPacket[]> {
    const [rows] = await this.#root.query<RowDataPacket[]>(sql);
    return rows;
  }

  /** Gives the disk back what has been read; a server of somebody else keeps its log files. */
  async forgetLog(): Promise<void> {
    if (!this.#isOwn) return;
    const { file } = await this.position();
    await this.#root.query(`PURGE BINARY LOGS TO '${file}'`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#root.end();
  }
}
