import { SluiceError } from '../errors/error.ts';
import { connect, type MysqlAccount, type MysqlSession } from './connection.ts';

interface ServerIdentity {
  readonly uuid: string;
  readonly hostname: string;
}

/**
 * The one server that all connections of an attempt lead to: whichever answers the first.
 *
 * What one connection says of tables and transactions is compared with what another one shows. Behind
 * an address there may be several servers, one after another or at once, and what two of them say
 * must never be compared.
 */
export class OneServer {
  readonly #account: MysqlAccount;
  #met: ServerIdentity | undefined;

  constructor(account: MysqlAccount) {
    this.#account = account;
  }

  /**
   * Connects and asks who answers.
   *
   * @param settings  session variables, name to SQL expression
   * @throws {SluiceError} `mysql.server-changed` when it is not the server of the connections before,
   *   another `mysql.*` code
   */
  async connect(
    settings: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<MysqlSession> {
    const session = await connect(this.#account, settings, signal);
    try {
      this.#admit(await identityOf(session), session.server);
      return session;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  #admit(answering: ServerIdentity, address: string): void {
    const met = (this.#met ??= answering);
    if (met.uuid === answering.uuid) return;
    throw new SluiceError(
      'mysql.server-changed',
      `${address} led to ${named(met)} before and leads to ${named(answering)} now. All connections begin anew with the server that answers.`,
      {
        facts: {
          server: address,
          uuid: met.uuid,
          hostname: met.hostname,
          newUuid: answering.uuid,
          newHostname: answering.hostname,
        },
      },
    );
  }
}

async function identityOf(session: MysqlSession): Promise<ServerIdentity> {
  const [row] = await session.query(
    'SELECT @@global.server_uuid AS uuid, @@global.hostname AS hostname',
    'asking which server it is',
  );
  return { uuid: row?.['uuid'] ?? '', hostname: row?.['hostname'] ?? '' };
}

const named = ({ hostname, uuid }: ServerIdentity): string => `${hostname} (server_uuid ${uuid})`;
