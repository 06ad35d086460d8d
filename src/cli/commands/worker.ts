import { hostname } from 'node:os';
import { Option } from 'commander';
import { SluiceError } from '../../errors/error.ts';
import { createLog, type LogLevel } from '../../observability/log.ts';
import type { DrainStep } from '../../workers/drain.ts';
import type { DrainAsked } from '../../workers/drain-client.ts';
import type { Answer } from '../console.ts';
import { atLeastOne, collected, wholeNumber } from '../option-values.ts';
import { secretScope } from '../secret-scope.ts';
import { examples, type Surroundings, type Verb } from '../verb.ts';

interface Options {
  readonly metricsPort?: number;
  readonly logLevel: LogLevel;
  readonly host?: string;
  readonly streams: number;
  readonly sinks: number;
  readonly secretEnv?: readonly string[];
  readonly secretDir?: readonly string[];
  readonly drain?: boolean;
  readonly force?: boolean;
  readonly pid?: number;
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
    .option(
      '--streams <count>',
      'most pipelines that it captures at once',
      atLeastOne,
      DEFAULT_SLOTS,
    )
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
    .option(
      '--drain',
      'instead, have the worker of this machine and --host hand its work over to other workers, a little at a time, and end',
    )
    .option(
      '--force',
      'with --drain: end also what no other worker serves; it waits until one does',
    )
    .option(
      '--pid <number>',
      'with --drain: which, where several workers of the host run here',
      wholeNumber,
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
        ['sluice worker --drain', 'before an upgrade: returns when the worker has ended'],
      ),
    )
    .action(
      act(async ({ ports, temporal, signal, console, env }, options: Options) => {
        const { metricsPort, streams, sinks } = options;
        const host = options.host ?? env['SLUICE_WORKER_HOST'] ?? hostname();
        if (!/^\S{1,255}$/.test(host))
          throw new SluiceError('cli.usage', '--host takes a name without spaces.');
        const { drain = false, force = false, pid } = options;
        if (drain) {
          const { namespace } = temporal;
          const place = { namespace, host, pid, force };
          return await drained(place, { ports, console, signal });
        }
        if (force || pid !== undefined)
          throw new SluiceError('cli.usage', '--force and --pid go with --drain.');
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

/** How many of a worker's streams and sinks came to what. */
type Tally = Partial<Record<DrainStep['became'], number>>;

/** What a drain comes to, step by step for a person; false where the worker runs on. */
async function drained(
  asked: Omit<DrainAsked, 'signal' | 'onStep'>,
  { ports, console, signal }: Pick<Surroundings, 'ports' | 'console' | 'signal'>,
): Promise<Answer> {
  const tally: Record<string, number> = {};
  const steps: DrainStep[] = [];
  const onStep = (step: DrainStep): void => {
    if (step.became !== 'ending') steps.push(step);
    tally[step.became] = (tally[step.became] ?? 0) + 1;
    console.note(stepText(step));
  };
  const { isEmpty } = await ports.drainWorker({ ...asked, signal, onStep });
  return {
    ok: isEmpty,
    result: { isEmpty, steps },
    text: isEmpty ? endText(tally) : LEFT,
  };
}

const LEFT =
  'The worker runs on with what it has kept. Start another one that serves it and ask again, or end it with --drain --force: what nobody serves then waits.';

function stepText({ pipeline, sink, became, reason }: DrainStep): string {
  const work = `${pipeline}${sink === undefined ? '' : `, sink ${sink}`}`;
  switch (became) {
    case 'ending':
      return `${work}: its last batch is being committed`;
    case 'handedOver':
      return `${work}: another worker has it`;
    case 'waiting':
      return `${work}: has ended, and waits for a worker that takes it`;
    case 'ended':
      return `${work}: has ended`;
    case 'kept':
      return `${work}: goes on here; ${reason ?? 'it is not to end'}`;
  }
}

function endText({ handedOver = 0, ended = 0, waiting = 0 }: Tally): string {
  const told = [
    ...(handedOver > 0 ? [`${handedOver} handed over`] : []),
    ...(ended > 0 ? [`${ended} ended`] : []),
    ...(waiting > 0 ? [`${waiting} waiting for a worker`] : []),
  ];
  return `The worker has ended; ${told.length === 0 ? 'it had nothing to hand over' : told.join(', ')}.`;
}
