import { Option } from 'commander';
import { createLog, type LogLevel } from '../../observability/log.ts';
import { wholeNumber } from '../option-values.ts';
import { examples, type Verb } from '../verb.ts';

interface Options {
  readonly metricsPort?: number;
  readonly logLevel: LogLevel;
}

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
    .addHelpText(
      'after',
      examples(
        [
          'sluice worker',
          'until Ctrl-C, which lets batches under way end; a second one does not wait',
        ],
        ['sluice worker --metrics-port 9464', 'with metrics for Prometheus'],
      ),
    )
    .action(
      act(async ({ ports, temporal, signal, console }, options: Options) => {
        console.note(
          `worker for ${temporal.address}, namespace ${temporal.namespace}; Ctrl-C ends it`,
        );
        const log = createLog(options.logLevel);
        await ports.runWorker({ ...temporal, metricsPort: options.metricsPort, signal, log });
        return { result: { stopped: true }, text: '' };
      }),
    );
};
