import { Command, CommanderError } from 'commander';
import { SluiceError } from '../errors/error.ts';
import { judgeFailure } from '../errors/policy.ts';
import { VERBS } from './commands/index.ts';
import { type Console, printAnswer, printFailure, processConsole } from './console.ts';
import { EXIT, type ExitCode, exitCodeOf } from './exit-code.ts';
import type { CliPorts } from './ports.ts';
import type { Act } from './verb.ts';

const DEFAULT_ADDRESS = '127.0.0.1:7233';
const DEFAULT_NAMESPACE = 'default';

interface GlobalOptions {
  readonly json?: boolean;
  readonly address: string;
  readonly namespace: string;
}

export interface CliRun {
  readonly ports: CliPorts;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @param json  `--json` or `--output json` was given */
  readonly console?: (json: boolean) => Console;
}

/** Runs one command line (without node and script) and says how the process shall exit. Never throws. */
export async function runCli(words: readonly string[], run: CliRun): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.done;
  const console = (run.console ?? processConsole)(asksForJson(words));
  const program = rootCommand(run.env, console);
  let running = 'sluice';
  const act: Act =
    (work) =>
    async (...parsed) => {
      const command = parsed.at(-1);
      if (command instanceof Command) running = command.name();
      const { address, namespace } = program.opts<GlobalOptions>();
      const surroundings = {
        console,
        ports: run.ports,
        temporal: { address, namespace },
        signal: run.signal,
        env: run.env,
      };
      const answer = await work(surroundings, ...parsed);
      printAnswer(console, running, answer);
      if (answer.ok === false) exitCode = EXIT.failed;
    };
  for (const verb of VERBS) verb(program, act);
  adoptSettings(program);
  try {
    await program.parseAsync([...words], { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.done;
    const verdict = judgeFailure(thrown instanceof CommanderError ? usageError(thrown) : thrown);
    printFailure(console, running, verdict);
    return exitCodeOf(verdict.code);
  }
}

/** Before anything is parsed: what is wrong with the words is told in the same way. */
const asksForJson = (words: readonly string[]): boolean =>
  words.some((word, index) =>
    word === '--output' ? words[index + 1] === 'json' : ['--json', '--output=json'].includes(word),
  );

function rootCommand(env: CliRun['env'], console: Console): Command {
  return new Command('sluice')
    .description(
      'Every change of a MySQL database into Kafka topics and a warehouse, exactly once.',
    )
    .version('0.1.0')
    .option('--json', 'print one JSON document {command, ok, result | error} on stdout')
    .option(
      '--address <host:port>',
      'Temporal frontend (TEMPORAL_ADDRESS)',
      env['TEMPORAL_ADDRESS'] ?? DEFAULT_ADDRESS,
    )
    .option(
      '--namespace <name>',
      'Temporal namespace (TEMPORAL_NAMESPACE)',
      env['TEMPORAL_NAMESPACE'] ?? DEFAULT_NAMESPACE,
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => console.result(text.trimEnd()),
      outputError: () => undefined,
    })
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 bad input or configuration, 3 something is unreachable.',
    )
    .helpCommand(false)
    .exitOverride();
}

/** Verbs are made before they can inherit; errors and output go the root's way. */
function adoptSettings(program: Command): void {
  for (const command of program.commands) command.copyInheritedSettings(program).exitOverride();
}

function usageError(error: CommanderError): SluiceError {
  if (error.code === 'commander.help')
    return new SluiceError('cli.usage', 'No verb was given: `sluice --help` lists them.');
  const text = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  return new SluiceError(
    'cli.usage',
    `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?)]$/.test(text) ? '' : '.'}`,
    {
      cause: error,
    },
  );
}
