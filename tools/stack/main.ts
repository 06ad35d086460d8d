import { parseArgs } from 'node:util';
import {
  type AddressByName,
  type Addresses,
  BadInput,
  isServerName,
  SERVER_NAMES,
  type ServerName,
} from './address.ts';
import { StackUnavailable } from './prerequisite.ts';
import { showProgress } from './progress.ts';
import {
  openStack,
  type ServerStatus,
  type StackOptions,
  stackStatus,
  startStack,
} from './stack.ts';

const USAGE = `Starts and stops the servers that tests, demo and benchmark work with.

  node tools/stack/main.ts up [--only mysql,mariadb,kafka,temporal,bigquery] [--json]
                              [--temporal-dynamic-config KEY=VALUE]...
  node tools/stack/main.ts status [--json]
  node tools/stack/main.ts stop NAME [--kill]
  node tools/stack/main.ts start NAME
  node tools/stack/main.ts restart NAME [--kill]
  node tools/stack/main.ts down [--keep]

up       starts what is missing (default: mysql,kafka,temporal) and prints the addresses
stop     ends one server and keeps its port and data; --kill does it with SIGKILL
down     ends all servers of this run and removes their data; --keep leaves the data

SLUICE_STACK_DIR        folder of the run (default .sluice/stack in the repository)
SLUICE_STACK_ENGINE     containers or packages (default: containers if an engine answers)
SLUICE_MYSQL_URL, SLUICE_MARIADB_URL, SLUICE_KAFKA_BROKERS, SLUICE_TEMPORAL_ADDRESS,
SLUICE_BIGQUERY_URL
                        servers to use instead of starting one
`;

const OPTIONS = {
  json: { type: 'boolean', default: false },
  only: { type: 'string' },
  kill: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
  'temporal-dynamic-config': { type: 'string', multiple: true },
} as const;

type Flags = ReturnType<typeof parseCommandLine>['values'];

function parseCommandLine(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (cause) {
    throw new BadInput(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

async function main(args: string[], options: StackOptions): Promise<void> {
  const { values, positionals } = parseCommandLine(args);
  const [verb = 'help', name] = positionals;
  const killing = { signal: values.kill ? 'SIGKILL' : 'SIGTERM' } as const;
  switch (values.help ? 'help' : verb) {
    case 'up':
      return up(values, options);
    case 'status':
      return status(values, options);
    case 'stop':
      return openStack(options).stop(serverNamed(name), killing);
    case 'start':
      return openStack(options).start(serverNamed(name));
    case 'restart':
      await openStack(options).stop(serverNamed(name), killing);
      return openStack(options).start(serverNamed(name));
    case 'down':
      return openStack(options).down({ keep: values.keep });
    case 'help':
      print(USAGE);
      return;
    default:
      throw new BadInput(`There is no command "${verb}"; --help lists them.`);
  }
}

async function up(flags: Flags, options: StackOptions): Promise<void> {
  const dynamicConfig = flags['temporal-dynamic-config'];
  const { addresses } = await startStack({
    ...options,
    ...(flags.only === undefined ? {} : { only: flags.only.split(',').map(serverNamed) }),
    ...(dynamicConfig === undefined ? {} : { temporalDynamicConfig: dynamicConfig }),
  });
  print(flags.json ? `${JSON.stringify(addresses, null, 2)}\n` : addressTable(addresses));
}

async function status(flags: Flags, options: StackOptions): Promise<void> {
  const servers = await stackStatus(options);
  const lines = SERVER_NAMES.map((name) => `${statusLine(name, servers[name])}\n`);
  print(flags.json ? `${JSON.stringify(servers, null, 2)}\n` : lines.join(''));
}

function statusLine(name: ServerName, server: ServerStatus): string {
  if (server.kind === 'absent') return `${name.padEnd(8)}  absent`;
  const place = describe(server.address);
  const pid = server.kind !== 'external' && server.pid !== undefined ? `  pid ${server.pid}` : '';
  return `${name.padEnd(8)}  ${server.kind.padEnd(8)}  ${place}${pid}`;
}

function addressTable(addresses: Addresses): string {
  const rows = SERVER_NAMES.flatMap((name) => {
    const address = addresses[name];
    return address === undefined ? [] : [`${name.padEnd(8)}  ${describe(address)}`];
  });
  return `${rows.join('\n')}\n(--json also prints the passwords)\n`;
}

/** Where a server is, without its password. */
function describe(address: AddressByName[ServerName]): string {
  if ('brokers' in address) return address.brokers.join(',');
  if ('host' in address) return `${address.user}@${address.host}:${address.port}`;
  if ('url' in address) return address.url;
  return address.uiUrl === undefined ? address.address : `${address.address}  ui ${address.uiUrl}`;
}

function serverNamed(text: string | undefined): ServerName {
  if (text !== undefined && isServerName(text)) return text;
  throw new BadInput(`Name one of ${SERVER_NAMES.join(', ')}${text ? `, not "${text}"` : ''}.`);
}

function print(text: string): void {
  process.stdout.write(text);
}

/** 1 failed, 2 bad input, 3 something needed is missing or does not answer, 130 interrupted. */
function exitCodeOf(error: unknown): number {
  if (interrupted.signal.aborted) return 130;
  if (error instanceof BadInput) return 2;
  return error instanceof StackUnavailable ? 3 : 1;
}

const progress = showProgress(process.stderr);
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
}
try {
  await main(process.argv.slice(2), { report: progress.report, signal: interrupted.signal });
  progress.close();
} catch (error) {
  progress.close();
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
