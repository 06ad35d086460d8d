import type { Socket } from 'node:net';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2';
import { cancellable } from '../async/abort.ts';
import { SluiceError } from '../errors/error.ts';
import { mysqlFailure } from './failure.ts';

/** How to reach the source and as whom. */
export interface MysqlAccount {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** `ca` is PEM text; the system's roots otherwise. `verify` checks chain and host name. */
  readonly tls?: { readonly ca?: string; readonly verify: boolean };
  readonly connectTimeoutMs?: number;
  /** A statement whose connection carries no byte for so long has failed. */
  readonly silenceTimeoutMs?: number;
}

/**
 * What no server default may change: times in UTC, one meaning of quotes and backslashes, and
 * results that are whole.
 */
const SESSION: Readonly<Record<string, string>> = {
  'SESSION time_zone': "'+00:00'",
  'SESSION sql_mode': "''",
  'SESSION sql_select_limit': '18446744073709551615',
  'SESSION max_execution_time': '0',
};

/** A row of a control query: every value as the server prints it. */
export type TextRow = Readonly<Record<string, string | null>>;

const CONNECT_TIMEOUT_MS = 10_000;
/** Longer than any wait we ask the server for. */
const SILENCE_TIMEOUT_MS = 120_000;

/** A row of a text result without conversion: bytes per selected expression, null for NULL. */
export type RawRow = readonly (Buffer | null)[];

/**
 * One connection for control queries, with the session's time zone at UTC and utf8mb4 both ways.
 *
 * mysql2 does handshake, authentication and TLS. A session whose connection has broken says so in
 * `usable` and is replaced, never revived.
 */
export class MysqlSession implements AsyncDisposable {
  readonly raw: Connection;
  readonly server: string;
  readonly #pending = new Set<(error: SluiceError) => void>();
  #usable = true;

  constructor(raw: Connection, server: string) {
    this.raw = raw;
    this.server = server;
    raw.on('error', (error: unknown) => {
      this.#break(mysqlFailure(error, 'the connection', server));
    });
    raw.on('end', () => {
      this.#break(this.#closed('the server closed it'));
    });
  }

  get usable(): boolean {
    return this.#usable;
  }

  /** The server's id of this connection, for KILL. */
  get threadId(): number {
    return this.raw.threadId;
  }

  /**
   * @param doing what for, as the subject of a sentence, for the message of a failure
   * @throws {SluiceError} a `mysql.*` code
   */
  query(sql: string, doing: string, values: readonly unknown[] = []): Promise<readonly TextRow[]> {
    return this.#settling((resolve, reject) => {
      this.raw.query(
        {
          sql,
          values: [...values],
          rowsAsArray: true,
          typeCast: (field) => field.string('utf8'),
        },
        (error, rows, fields) => {
          if (error) reject(mysqlFailure(error, doing, this.server));
          else resolve(Array.isArray(rows) ? namedRows(rows as TextValues[], fields) : []);
        },
      );
    });
  }

  /**
   * Hands out rows as they arrive, and none after this has settled. When `take` answers false or
   * throws the connection is given up, since the rest of the result is still on its way.
   *
   * @returns whether `take` has seen every row
   * @throws what `take` throws, or {SluiceError} a `mysql.*` code
   */
  rows(sql: string, doing: string, take: (row: RawRow) => boolean): Promise<boolean> {
    return this.#settling((resolve, reject) => {
      this.raw
        .query({ sql, rowsAsArray: true, typeCast: false })
        .on('result', (row: RawRow) => {
          // The driver goes on with what it has when its connection is closed.
          if (!this.#usable) return;
          try {
            if (take(row)) return;
            resolve(false);
          } catch (error) {
            reject(error);
          }
          this.destroy();
        })
        .on('error', (error: unknown) => {
          reject(mysqlFailure(error, doing, this.server));
        })
        .on('end', () => {
          resolve(true);
        });
    });
  }

  /** From now on a statement fails when its connection is silent for so long; an idle one may be. */
  expectAnswersWithin(silenceMs: number): void {
    const socket = socketOf(this);
    socket.setTimeout(silenceMs);
    socket.on('timeout', () => {
      if (this.#pending.size === 0) return;
      this.#break(this.#closed(`no answer came for ${silenceMs} ms`));
      this.destroy();
    });
  }

  /** Ends the connection at once; what is under way fails. */
  destroy(): void {
    this.#break(this.#closed('it was closed here'));
    this.raw.destroy();
    socketOf(this).destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#usable) {
      this.destroy();
      return;
    }
    await this.#settling<void>((resolve) => {
      this.raw.end(() => {
        resolve();
      });
    }).catch(() => undefined);
    this.#usable = false;
  }

  /** The driver forgets the callers of a connection that ends without an error: they fail here. */
  async #settling<Result>(
    start: (resolve: (result: Result) => void, reject: (error: unknown) => void) => void,
  ): Promise<Result> {
    if (!this.#usable) throw this.#closed('it had broken before');
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#pending.add(reject);
    try {
      start(resolve, reject);
      return await promise;
    } finally {
      this.#pending.delete(reject);
    }
  }

  #break(failure: SluiceError): void {
    this.#usable = false;
    for (const reject of this.#pending) reject(failure);
  }

  #closed(how: string): SluiceError {
    return new SluiceError(
      'mysql.connection-lost',
      `The connection to ${this.server} ended: ${how}.`,
    );
  }
}

type TextValues = readonly (string | null)[];

/** Rows without a prototype: a name that no column has is no name of theirs. */
function namedRows(
  rows: readonly TextValues[],
  fields: readonly { readonly name: string }[],
): readonly TextRow[] {
  return rows.map((values) => {
    const row = Object.create(null) as Record<string, string | null>;
    for (const [index, { name }] of fields.entries()) row[name] = values[index] ?? null;
    return row;
  });
}

/**
 * Connects and sets the session up.
 *
 * @param settings further session variables, name to SQL expression
 * @throws {SluiceError} a `mysql.*` code
 */
export async function connect(
  account: MysqlAccount,
  settings: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<MysqlSession> {
  const server = `${account.user}@${account.host}:${account.port}`;
  signal.throwIfAborted();
  const raw = createConnection(connectionOptions(account));
  const session = new MysqlSession(raw, server);
  const abort = (): void => {
    socketOf(session).destroy(new Error('cancelled'));
  };
  try {
    await cancellable(signal, abort, async () => {
      await handshake(raw, server);
      session.expectAnswersWithin(account.silenceTimeoutMs ?? SILENCE_TIMEOUT_MS);
      await session.query(setStatement(settings), 'setting up the session');
    });
    return session;
  } catch (error) {
    session.destroy();
    throw error;
  }
}

/** The socket under a session; after a TLS upgrade the encrypted one. Not in mysql2's typings. */
export function socketOf(session: MysqlSession): Socket {
  return (session.raw as unknown as { readonly stream: Socket }).stream;
}

function handshake(raw: Connection, server: string): Promise<void> {
  return new Promise((resolve, reject) => {
    raw.connect((error) => {
      if (error) reject(mysqlFailure(error, 'connecting', server));
      else resolve();
    });
  });
}

function setStatement(settings: Readonly<Record<string, string>>): string {
  const variables = Object.entries({ ...SESSION, ...settings });
  return `SET ${variables.map(([name, value]) => `${name} = ${value}`).join(', ')}`;
}

function connectionOptions(account: MysqlAccount): ConnectionOptions {
  const { host, port, user, password, tls } = account;
  return {
    host,
    port,
    user,
    password,
    charset: 'UTF8MB4_GENERAL_CI',
    connectTimeout: account.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    connectAttributes: { program_name: 'sluice' },
    ...(tls
      ? {
          ssl: {
            rejectUnauthorized: tls.verify,
            verifyIdentity: tls.verify,
            ...(tls.ca === undefined ? {} : { ca: tls.ca }),
          },
        }
      : {}),
  };
}
