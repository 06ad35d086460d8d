import type { ErrorCode } from '../errors/catalogue.ts';
import { SluiceError } from '../errors/error.ts';

/**
 * What is left of a driver's error: number, symbol and SQL state.
 *
 * The driver's own object holds the statement, and the server's text may quote it: both can hold
 * row values (a key in a WHERE), so neither may become a cause that some log prints.
 */
export class ServerAnswer extends Error {
  override readonly name = 'ServerAnswer';
  /** The server's error number; 0 when the failure is on this side of the wire. */
  readonly errno: number;
  readonly symbol: string;

  constructor(errno: number, symbol: string, text: string) {
    super(text);
    this.errno = errno;
    this.symbol = symbol;
  }
}

/** Error numbers whose text names accounts, privileges and hosts, never values. */
const BY_NUMBER: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [1040, 'mysql.busy'],
  [1203, 'mysql.busy'],
  [1226, 'mysql.busy'],
  [1045, 'mysql.access-denied'],
  [1130, 'mysql.access-denied'],
  [1251, 'mysql.access-denied'],
  [1698, 'mysql.access-denied'],
  [1820, 'mysql.access-denied'],
  [1862, 'mysql.access-denied'],
  [3118, 'mysql.access-denied'],
  [3159, 'mysql.access-denied'],
  [1044, 'mysql.grant-missing'],
  [1142, 'mysql.grant-missing'],
  [1143, 'mysql.grant-missing'],
  [1227, 'mysql.grant-missing'],
  [1053, 'mysql.connection-lost'],
  [1152, 'mysql.connection-lost'],
  [1158, 'mysql.connection-lost'],
  [1159, 'mysql.connection-lost'],
  [1160, 'mysql.connection-lost'],
  [1161, 'mysql.connection-lost'],
  [1317, 'mysql.connection-lost'],
  [4031, 'mysql.connection-lost'],
  [1153, 'mysql.packet-too-large'],
]);

/** Failures of the driver, the resolver and the socket. */
const BY_SYMBOL: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ['ECONNREFUSED', 'mysql.unreachable'],
  ['ENOTFOUND', 'mysql.unreachable'],
  ['EAI_AGAIN', 'mysql.unreachable'],
  ['ETIMEDOUT', 'mysql.unreachable'],
  ['EHOSTUNREACH', 'mysql.unreachable'],
  ['ENETUNREACH', 'mysql.unreachable'],
  ['ENETDOWN', 'mysql.unreachable'],
  ['ECONNRESET', 'mysql.connection-lost'],
  ['EPIPE', 'mysql.connection-lost'],
  ['PROTOCOL_CONNECTION_LOST', 'mysql.connection-lost'],
  ['PROTOCOL_UNEXPECTED_PACKET', 'mysql.connection-lost'],
  ['HANDSHAKE_SSL_ERROR', 'mysql.tls-failed'],
  ['HANDSHAKE_NO_SSL_SUPPORT', 'mysql.tls-failed'],
  ['AUTH_SWITCH_PLUGIN_ERROR', 'mysql.access-denied'],
]);

/**
 * The SluiceError of anything a mysql2 connection throws.
 *
 * @param doing what failed, as the subject of a clause: `reading table shop.orders`
 * @param server `user@host:port`
 */
export function mysqlFailure(error: unknown, doing: string, server: string): SluiceError {
  if (error instanceof SluiceError) return error;
  const { errno, symbol, text } = describe(error);
  const known = isSocketEnd(error) ? undefined : (BY_NUMBER.get(errno) ?? BY_SYMBOL.get(symbol));
  const code = known ?? (isOfSocket(error, errno) ? 'mysql.connection-lost' : 'mysql.query-failed');
  const said = known === undefined ? symbol : text;
  const number = errno === 0 ? '' : ` (error ${errno})`;
  return new SluiceError(
    code,
    `${server}: ${doing} failed: ${said}${number}${advice(code, text, server)}.`,
    {
      cause: new ServerAnswer(errno, symbol, said),
      facts: { server, errno, symbol },
    },
  );
}

/** Sockets, TLS and the driver's protocol name their failures by a code; a fault of the driver has none. */
function isOfSocket(error: unknown, errno: number): boolean {
  return errno === 0 && error instanceof Error && 'code' in error && typeof error.code === 'string';
}

/**
 * A socket that ends during the TLS handshake says nothing of certificates: a server that restarts
 * does that, and so does a load balancer without a target. The driver calls it what it calls a
 * refused certificate (mysql2, commands/client_handshake.js); the system call it failed in is kept,
 * and Node's own sentence for an end without one (lib/_tls_wrap.js).
 */
function isSocketEnd(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === 'HANDSHAKE_SSL_ERROR' &&
    ('syscall' in error || error.message.startsWith('Client network socket disconnected'))
  );
}

/** The server's error number behind a failure made here; 0 for any other. */
export function errorNumberOf(error: unknown): number {
  const cause = error instanceof SluiceError ? error.cause : error;
  return cause instanceof ServerAnswer ? cause.errno : 0;
}

interface Described {
  readonly errno: number;
  readonly symbol: string;
  readonly text: string;
}

function describe(error: unknown): Described {
  if (!(error instanceof Error)) return { errno: 0, symbol: 'UNKNOWN', text: 'unknown failure' };
  const symbol = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  // A socket's errno is the negative number of the operating system.
  const errno =
    'errno' in error && typeof error.errno === 'number' && error.errno > 0 ? error.errno : 0;
  return { errno, symbol, text: error.message.replace(/\.$/, '') };
}

/** What to grant; where the server names several privileges, any one will do, the last is the least. */
function advice(code: ErrorCode, text: string, server: string): string {
  if (code !== 'mysql.grant-missing') return '';
  const privileges =
    /one of\) the (.+?) privilege/.exec(text)?.[1] ?? /^([A-Z ]+?) command/.exec(text)?.[1];
  const privilege = privileges?.split(',').at(-1)?.trim();
  const [, user = server.split('@')[0], host = '%'] = /user '([^']*)'@'([^']*)'/.exec(text) ?? [];
  return `; grant it: GRANT ${privilege ?? 'REPLICATION SLAVE, REPLICATION CLIENT, SELECT'} ON *.* TO '${user}'@'${host}'`;
}
