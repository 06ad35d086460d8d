import { setTimeout as pause } from 'node:timers/promises';
import { Option } from 'commander';
import { SluiceError } from '../../errors/error.ts';
import { isCancellation } from '../../errors/policy.ts';
import type { PipelineView } from '../../temporal/pipeline-view.ts';
import type { Answer } from '../console.ts';
import { wholeNumber } from '../option-values.ts';
import type { PipelineControl } from '../ports.ts';
import { secretScope } from '../secret-scope.ts';
import { statusBlock, statusRow } from '../status-text.ts';
import { table } from '../table.ts';
import { isTableWell, tablesText } from '../tables-text.ts';
import {
  configOf,
  examples,
  type Surroundings,
  unlessInterrupted,
  type Verb,
  withControl,
} from '../verb.ts';

/** What can be waited for. */
const WAITS = ['streaming', 'caught-up'] as const;
type Wait = (typeof WAITS)[number];

interface Options {
  readonly watch?: boolean;
  readonly tables?: boolean;
  readonly waitFor?: Wait;
  readonly timeout: number;
}

const WATCH_INTERVAL_MS = 2_000;
const POLL_MS = 500;
const DEFAULT_TIMEOUT_S = 600;

export const status: Verb = (program, act) => {
  program
    .command('status')
    .argument('[pipeline]', 'name of the pipeline; all of them when left out')
    .description(
      'Show state, position, lag, snapshot, sinks and open incidents. Exit 1 when one is open, a table has stopped, or work waits for a worker for more than a minute.',
    )
    .option(
      '--tables',
      'show every table instead: what capture has on record in Kafka, and _cdc_status of each warehouse; asks them from this host',
    )
    .option('--watch', 'show it again every two seconds, until Ctrl-C')
    .addOption(
      new Option(
        '--wait-for <state>',
        'wait: `streaming`, or `caught-up` with all that was committed when the wait began',
      ).choices(WAITS),
    )
    .option('--timeout <seconds>', 'how long to wait at most', wholeNumber, DEFAULT_TIMEOUT_S)
    .addHelpText(
      'after',
      examples(
        ['sluice status', 'one line a pipeline'],
        ['sluice status shop', 'everything about one'],
        ['sluice status shop --tables', 'one line a table'],
        ['sluice status shop --watch', 'the same, as it changes'],
        ['sluice status shop --wait-for caught-up', 'returns when every sink has everything'],
        ['sluice status shop --json', 'the same for a program'],
      ),
    )
    .action(
      act(async (surroundings, pipeline: string | undefined, options: Options) => {
        if (options.tables === true) return await tablesAnswer(surroundings, pipeline, options);
        if (options.waitFor !== undefined)
          return await waited(surroundings, pipeline, options.waitFor, options.timeout);
        const look = (control: PipelineControl): Promise<Answer> => answer(control, pipeline);
        return options.watch === true
          ? await watched(surroundings, look)
          : await withControl(surroundings, look);
      }),
    );
};

/** @throws {SluiceError} `cli.usage`, and what {@link CliPorts.tableStandings} throws */
async function tablesAnswer(
  surroundings: Surroundings,
  pipeline: string | undefined,
  { watch, waitFor }: Options,
): Promise<Answer> {
  if (pipeline === undefined)
    throw new SluiceError('cli.usage', 'Name the pipeline: status PIPELINE --tables');
  if (watch === true || waitFor !== undefined)
    throw new SluiceError('cli.usage', '--tables goes with neither --watch nor --wait-for.');
  const { ports, temporal, env, signal } = surroundings;
  const spec = await configOf(surroundings, pipeline);
  const standings = await unlessInterrupted(
    ports.tableStandings(spec, temporal.namespace, await secretScope(env)),
    signal,
  );
  return {
    ok: standings.unanswered.length === 0 && standings.tables.every(isTableWell),
    result: { pipeline, ...standings },
    text: tablesText(standings, Object.keys(spec.sinks)),
  };
}

async function answer(control: PipelineControl, pipeline: string | undefined): Promise<Answer> {
  if (pipeline === undefined) {
    const pipelines = await control.list();
    return { ok: pipelines.every(isWell), result: { pipelines }, text: listText(pipelines) };
  }
  return shown(await control.status(pipeline));
}

const shown = (one: PipelineView): Answer => ({
  ok: isWell(one),
  result: one,
  text: statusBlock(one, Date.now()),
});

/** States in which nobody has to do anything. A pause is what somebody wanted. */
const WELL: ReadonlySet<string> = new Set([
  ...['STARTING', 'PROVISIONING', 'STREAMING', 'PAUSED', 'DRAINING', 'DROPPED'],
  ...['NOT STARTED', 'RUNNING', 'STOPPED'],
]);

/** A worker that is replaced takes this long to come; who waits longer has to be helped. */
const WAITS_TOO_LONG_MS = 60_000;

function isWell({ isAnswered, sinks, ...pipeline }: PipelineView): boolean {
  const isHelpless = ({
    waitingSinceMs = Infinity,
  }: Pick<PipelineView, 'waitingSinceMs'>): boolean =>
    Date.now() - waitingSinceMs > WAITS_TOO_LONG_MS;
  return (
    isAnswered &&
    sinks.every(({ isUnserved }) => !isUnserved) &&
    [pipeline, ...sinks].every(
      (one) => WELL.has(one.state) && !one.incident && !one.stopped && !isHelpless(one),
    )
  );
}

async function watched(
  { console, ...surroundings }: Surroundings,
  look: (control: PipelineControl) => Promise<Answer>,
): Promise<Answer> {
  if (console.json)
    throw new SluiceError('cli.usage', 'With --json, ask again instead of using --watch.');
  const { signal } = surroundings;
  let ok = true;
  try {
    await withControl({ console, ...surroundings }, async (control) => {
      for (;;) {
        const { text, ok: isWellNow = true } = await look(control);
        console.redraw(String(text));
        ok = isWellNow;
        await pause(WATCH_INTERVAL_MS, undefined, { signal });
      }
    });
  } catch (error) {
    // Ctrl-C is how watching ends.
    if (!signal.aborted || !isCancellation(error)) throw error;
  }
  return { ok, result: {}, text: '' };
}

/** @throws {SluiceError} `cli.usage` | `cli.wait-ended` */
async function waited(
  surroundings: Surroundings,
  pipeline: string | undefined,
  wait: Wait,
  timeoutS: number,
): Promise<Answer> {
  if (pipeline === undefined)
    throw new SluiceError('cli.usage', 'Name the pipeline to wait for: status PIPELINE --wait-for');
  const isThere = wait === 'streaming' ? isStreaming : caughtUp();
  const deadlineMs = Date.now() + timeoutS * 1_000;
  return withControl(surroundings, async (control) => {
    for (;;) {
      const view = await control.status(pipeline);
      if (isThere(view)) return shown(view);
      const reason = endsInVain(view) ?? (Date.now() < deadlineMs ? undefined : 'time is up');
      if (reason !== undefined)
        throw new SluiceError(
          'cli.wait-ended',
          `Pipeline ${pipeline} is not ${wait}: ${reason}. It is ${view.state}.`,
          { facts: { pipeline, state: view.state } },
        );
      await pause(POLL_MS, undefined, { signal: surroundings.signal });
    }
  });
}

/** What was reported before the state began is of an earlier stream. */
const isStreaming = ({ state, sinceMs, progress, reportedAtMs = 0 }: PipelineView): boolean =>
  state === 'STREAMING' && progress?.checkpoint !== undefined && reportedAtMs > sinceMs;

/**
 * Everything that was committed at the source when this was first asked is in every warehouse. What
 * a heartbeat says is as old as it is: the stream has to say it once more.
 */
function caughtUp(): (view: PipelineView) => boolean {
  let firstReportMs: number | undefined;
  let target: number | undefined;
  return ({ isAnswered, state, progress, reportedAtMs = 0, sinks }) => {
    firstReportMs ??= reportedAtMs;
    const isRead =
      isAnswered &&
      state === 'STREAMING' &&
      reportedAtMs > firstReportMs &&
      progress?.lagMs === 0 &&
      progress.snapshot === undefined;
    if (isRead) target ??= progress.checkpoint?.commitOrdinal;
    return (
      isAnswered &&
      target !== undefined &&
      sinks.every((sink) => (sink.progress?.cutOrdinal ?? -1) >= (target ?? Infinity))
    );
  };
}

/** Why a pipeline will not get there before somebody does something. */
function endsInVain({ incident, sinks, state }: PipelineView): string | undefined {
  const open = [incident, ...sinks.map((sink) => sink.incident)].find((one) => one !== undefined);
  if (open) return `incident ${open.id} is open: ${open.code}`;
  const isPaused = state === 'PAUSED' || sinks.some((sink) => sink.state === 'PAUSED');
  return isPaused ? 'it, or a sink of it, is paused' : undefined;
}

function listText(pipelines: readonly PipelineView[]): string {
  if (pipelines.length === 0) return 'No pipelines. Start one with: sluice apply FILE';
  const nowMs = Date.now();
  return table(
    ['PIPELINE', 'STATE', 'SINCE', 'LAG', 'ROWS/S', 'SNAPSHOT', 'SINKS'],
    pipelines.map((pipeline) => statusRow(pipeline, nowMs)),
  );
}
