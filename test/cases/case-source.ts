import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import type { SqlAddress } from '../../tools/stack/address.ts';
import type { FieldCase } from './field-case.ts';

/** A table that no case captures: its transactions show how far a capture has come. */
const MARKS = 'sluice_cases_marks';

/** The source with the session in which a case's statements run. */
export class CaseSource implements AsyncDisposable {
  readonly #mysql: SqlAddress;
  readonly #case: FieldCase;
  #session: Connection;

  private constructor(mysql: SqlAddress, fieldCase: FieldCase, session: Connection) {
    this.#mysql = mysql;
    this.#case = fieldCase;
    this.#session = session;
  }

  /** Removes what an earlier run has left, and makes the case's database. */
  static async open(mysql: SqlAddress, fieldCase: FieldCase): Promise<CaseSource> {
    const source = new CaseSource(mysql, fieldCase, await connect(mysql));
    await source.#clear();
    await source.run(
      `CREATE DATABASE IF NOT EXISTS ${MARKS};
       CREATE TABLE IF NOT EXISTS ${MARKS}.marks (id INT AUTO_INCREMENT PRIMARY KEY);
       CREATE DATABASE ${fieldCase.database}; USE ${fieldCase.database}`,
    );
    return source;
  }

  /** Statements one after another, as the server itself tells them apart. */
  async run(statements: string): Promise<void> {
    await this.#session.query(statements);
  }

  /** Commits a transaction behind all there were. */
  async mark(): Promise<void> {
    await this.#withOtherSession((session) =>
      session.query(`INSERT INTO ${MARKS}.marks VALUES ()`),
    );
  }

  /** GTID set of all transactions of the server. */
  executed(): Promise<string> {
    return this.#withOtherSession(async (session) => {
      const [[row]] = await session.query<RowDataPacket[]>(
        'SELECT @@global.gtid_executed AS executed',
      );
      return String(row?.['executed']).replaceAll(/\s/g, '');
    });
  }

  async reconnect(): Promise<void> {
    this.#session.destroy();
    this.#session = await connect(this.#mysql);
    await this.run(`USE ${this.#case.database}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.destroy();
    this.#session = await connect(this.#mysql);
    await this.#clear();
    await this.#session.end();
  }

  /** The case's own. */
  async databases(): Promise<readonly string[]> {
    const [rows] = await this.#session.query<RowDataPacket[]>(
      'SELECT schema_name AS name FROM information_schema.schemata',
    );
    const names = rows.map((row) => String(row['name']));
    return names.filter((name) => name.startsWith(this.#case.database));
  }

  async #clear(): Promise<void> {
    for (const name of await this.databases()) await this.run(`DROP DATABASE \`${name}\``);
    if (this.#case.user !== undefined) await this.run(`DROP USER IF EXISTS ${this.#case.user}`);
  }

  /** The case's own session may have settings that no question is to depend on. */
  async #withOtherSession<Answer>(ask: (session: Connection) => Promise<Answer>): Promise<Answer> {
    const session = await connect(this.#mysql);
    try {
      return await ask(session);
    } finally {
      await session.end();
    }
  }
}

const connect = ({ host, port, user, password }: SqlAddress): Promise<Connection> =>
  createConnection({ host, port, user, password, multipleStatements: true });
