/** The servers a run can ask for, in the order they are shown. */
export const SERVER_NAMES = ['mysql', 'mariadb', 'kafka', 'temporal', 'bigquery'] as const;

export type ServerName = (typeof SERVER_NAMES)[number];

/** What `up` starts when nothing is named; the others only come when asked for. */
export const DEFAULT_SERVERS: readonly ServerName[] = ['mysql', 'kafka', 'temporal'];

export interface SqlAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

export interface KafkaAddress {
  /** `host:port` each. */
  readonly brokers: readonly string[];
}

export interface TemporalAddress {
  /** `host:port` of the gRPC frontend. */
  readonly address: string;
  readonly namespace: string;
  /** Absent when the address came from the environment, which does not name a Web UI. */
  readonly uiUrl?: string;
}

/** Of an emulator: tests never write to Google's service by this name. */
export interface BigQueryAddress {
  /** `http://host:port` */
  readonly url: string;
  /** `host:port` of the Storage Write API. Absent when the address came from the environment. */
  readonly storage?: string;
}

export interface AddressByName {
  readonly mysql: SqlAddress;
  readonly mariadb: SqlAddress;
  readonly kafka: KafkaAddress;
  readonly temporal: TemporalAddress;
  readonly bigquery: BigQueryAddress;
}

/** The JSON document that `up` prints: only the servers asked for are present. */
export type Addresses = Partial<AddressByName>;

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variable that names a server run by somebody else, and the form its value has. */
export const ADDRESS_VARIABLES: Readonly<
  Record<ServerName, { readonly variable: string; readonly form: string }>
> = {
  mysql: { variable: 'SLUICE_MYSQL_URL', form: 'mysql://user:password@host:port' },
  mariadb: { variable: 'SLUICE_MARIADB_URL', form: 'mysql://user:password@host:port' },
  kafka: { variable: 'SLUICE_KAFKA_BROKERS', form: 'host:port,host:port' },
  temporal: { variable: 'SLUICE_TEMPORAL_ADDRESS', form: 'host:port' },
  bigquery: { variable: 'SLUICE_BIGQUERY_URL', form: 'http://host:port' },
};

/** A value on the command line or in the environment that cannot be used; exit code 2. */
export class BadInput extends Error {
  override readonly name = 'BadInput';
}

export function isServerName(text: string): text is ServerName {
  return (SERVER_NAMES as readonly string[]).includes(text);
}

/** The address somebody set for this server, or undefined when it is ours to start. */
export function addressFromEnvironment<Name extends ServerName>(
  name: Name,
  env: Environment,
): AddressByName[Name] | undefined {
  const { variable, form } = ADDRESS_VARIABLES[name];
  const text = env[variable];
  if (text === undefined || text === '') return undefined;
  const address = PARSERS[name](text, env);
  if (address === undefined) throw new BadInput(`${variable} is not of the form ${form}.`);
  return address;
}

type Parsers = {
  readonly [Name in ServerName]: (
    text: string,
    env: Environment,
  ) => AddressByName[Name] | undefined;
};

const PARSERS: Parsers = {
  mysql: parseSqlUrl,
  mariadb: parseSqlUrl,
  kafka: (text) => {
    const brokers = text.split(',').map((broker) => broker.trim());
    return brokers.every(isHostAndPort) ? { brokers } : undefined;
  },
  temporal: (text, env) =>
    isHostAndPort(text)
      ? { address: text, namespace: env['SLUICE_TEMPORAL_NAMESPACE'] ?? 'default' }
      : undefined,
  bigquery: (text) =>
    /^https?:\/\/[^/]+\/?$/.test(text) ? { url: text.replace(/\/$/, '') } : undefined,
};

function parseSqlUrl(text: string): SqlAddress | undefined {
  const url = URL.parse(text);
  if (url?.protocol !== 'mysql:' || url.hostname === '') return undefined;
  return {
    host: url.hostname,
    port: url.port === '' ? 3306 : Number(url.port),
    user: url.username === '' ? 'root' : decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

function isHostAndPort(text: string): boolean {
  return /^[^\s:]+:\d{1,5}$/.test(text);
}

/** Address of a server of ours, which always listens on the loopback interface. */
export function loopbackAddress<Name extends ServerName>(
  name: Name,
  listening: { readonly port: number; readonly sidePort: number; readonly password: string },
): AddressByName[Name] {
  const host = '127.0.0.1';
  const sql = { host, port: listening.port, user: 'root', password: listening.password };
  const byName: AddressByName = {
    mysql: sql,
    mariadb: sql,
    kafka: { brokers: [`${host}:${listening.port}`] },
    temporal: {
      address: `${host}:${listening.port}`,
      namespace: 'default',
      uiUrl: `http://${host}:${listening.sidePort}`,
    },
    bigquery: {
      url: `http://${host}:${listening.port}`,
      storage: `${host}:${listening.sidePort}`,
    },
  };
  return byName[name];
}
