import { hostname } from 'node:os';
import { Option } from 'commander';
import { SluiceError } from '../../errors/error.ts';
import { createLog, type LogLevel } from '../../observability/log.ts';
import { atLeastOne, collected, wholeNumber } from '../option-values.ts';
import { secretScope } from '../secret-scope.ts';
import { examples, type Verb } from '../verb.ts';

interface Options {
  readonly metricsPort?: number;
  readonly logLevel: LogLevel;
  readonly host?: string;
  readonly streams: number;
  readonly sinks: number;
  readonly secretEnv?: readonly string[];
  readonly secretDir?: readonly string[];
}

/** Streams, and sinks, of one process. */
const DEFAULT_SLOTS = 20;

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

export const worker: Verb = (program, act) => {
  program
    .command('worker')
    .description(
      'Run a worker: it captures, publishes and loads for every pipeline of the namespace.',
    )
    .option('--metrics-port <port>', 'serve /metrics and /healthz on 127.0.0.1', wholeNumber)
    .addOption(
      new Option('--log-level <level>', 'least level on stderr').choices(LEVELS).default('info'),
    )
    .option(
      '--host <name>',
      'name that DuckDB sinks find this host by (SLUICE_WORKER_HOST; default: its host name)',
    )
    .option('--streams <count>', 'most pipelines that it captures at once', atLeastOne, DEFAULT_SLOTS)
    .option(
      '--sinks <count>',
      'most sinks that it fills at once: so many of BigQuery, and so many of this host',
      atLeastOne,
      DEFAULT_SLOTS,
    )
    .option(
      '--secret-env <pattern>',
      'variable that configurations may name, * for any characters, repeatable (SLUICE_WORKER_SECRET_ENV, commas between; default: SLUICE_*)',
      collected,
    )
    .option(
      '--secret-dir <folder>',
      'folder with files that configurations may name, repeatable (SLUICE_WORKER_SECRET_DIR; default: none)',
      collected,
    )
    .addHelpText(
      'after',
      examples(
        [
          'sluice worker',
          'until Ctrl-C, which lets batches under way end; a second one does not wait',
        ],
        ['sluice worker --metrics-port 9464', 'with metrics for Prometheus'],
        [
          "sluice worker --secret-env 'SHOP_*' --secret-dir /etc/shop",
          'opens these secrets for pipelines and no others',
        ],
      ),
    )
    .action(
      act(async ({ ports, temporal, signal, console, env }, options: Options) => {
        const { metricsPort, streams, sinks } = options;
        const host = options.host ?? env['SLUICE_WORKER_HOST'] ?? hostname();
        if (!/^\S{1,255}$/.test(host))
          throw new SluiceError('cli.usage', '--host takes a name without spaces.');
        const secrets = await secretScope(env, options);
        console.note(
          `worker for ${temporal.address}, namespace ${temporal.namespace}; Ctrl-C ends it`,
        );
        const log = createLog(options.logLevel);
        const slots = { streams, sinks };
        await ports.runWorker({ ...temporal, metricsPort, host, slots, secrets, signal, log });
        return { result: { stopped: true }, text: '' };
      }),
    );
};
