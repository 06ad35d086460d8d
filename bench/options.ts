import { parseArgs } from 'node:util';
import { BadInput } from '../tools/stack/address.ts';
import { SCENARIO_NAMES, type ScenarioName } from './scenarios.ts';

/** How much data and how often: `tiny` shows that everything works and measures nothing. */
export type Size = 'full' | 'quick' | 'tiny';

/** A program of somebody else, run by a shell. */
export interface PeerOption {
  readonly name: string;
  readonly command: string;
  /** Topic of a table, with `{prefix}`, `{database}` and `{table}`. */
  readonly topic: string;
}

export type Task =
  | { readonly kind: 'help' }
  | { readonly kind: 'profile'; readonly scenario: ScenarioName; readonly size: Size }
  | {
      readonly kind: 'compare';
      readonly size: Size;
      readonly json: boolean;
      readonly rounds: number;
      readonly scenarios: readonly ScenarioName[];
      /** Where results go beside stdout: a run of everything into a file of its own, a part of it only when asked to. */
      readonly keep: 'nowhere' | 'alone' | 'beside the others';
      readonly peers: readonly PeerOption[];
    };

export const USAGE = `Sluice and Debezium, measured side by side on servers of this run's own.

  npm run bench                        every scenario, three rounds; writes bench/results/ and docs/performance.md
  npm run bench -- --quick             one round, less data, no tuned Debezium, and the regression gate
  npm run bench -- --tiny              a minute with next to no data: shows that the benchmark works
  npm run bench -- --only NAME         one scenario (may be repeated): ${SCENARIO_NAMES.join(', ')}
  npm run bench -- --only NAME --keep  the same, and its results take the place of the day's earlier ones
  npm run bench -- --profile NAME      a CPU profile of Sluice in that scenario, into .sluice/profiles
  npm run bench -- --peer 'name=command' [--peer-topic 'name={prefix}.{database}.{table}']
                                       one more program beside them; its environment names the source (docs/performance.md)

  --rounds N   instead of three, or of one with --quick
  --json       one document on stdout instead of tables
`;

const PEER_TOPIC = '{prefix}.{database}.{table}';

/** @throws BadInput for what is not understood */
export function parseOptions(args: readonly string[]): Task {
  const values = parsed(args);
  if (values.help) return { kind: 'help' };
  if (values.quick && values.tiny) throw new BadInput('Choose one of --quick and --tiny.');
  const size: Size = values.tiny ? 'tiny' : values.quick ? 'quick' : 'full';
  if (values.profile !== undefined)
    return { kind: 'profile', scenario: scenarioNamed(values.profile), size };
  const only = [...new Set(values.only.map(scenarioNamed))];
  return {
    kind: 'compare',
    size,
    json: values.json,
    rounds: roundsOf(values.rounds, size),
    scenarios: only.length > 0 ? only : SCENARIO_NAMES,
    keep: keepOf(values, only.length > 0),
    peers: peersFrom(values.peer, values['peer-topic']),
  };
}

const ROUNDS = { full: 3, quick: 1, tiny: 1 } as const;

function roundsOf(text: string | undefined, size: Size): number {
  if (text === undefined) return ROUNDS[size];
  if (/^[1-9]$/.test(text)) return Number(text);
  throw new BadInput(`--rounds takes a number from 1 to 9; "${text}" is not that.`);
}

function keepOf(
  {
    quick,
    tiny,
    keep,
  }: { readonly quick: boolean; readonly tiny: boolean; readonly keep: boolean },
  isPart: boolean,
): Extract<Task, { kind: 'compare' }>['keep'] {
  if (!quick && !tiny) return !isPart ? 'alone' : keep ? 'beside the others' : 'nowhere';
  if (keep) throw new BadInput('Only results of full size are kept.');
  return 'nowhere';
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        tiny: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        keep: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        profile: { type: 'string' },
        peer: { type: 'string', multiple: true, default: [] },
        'peer-topic': { type: 'string', multiple: true, default: [] },
      },
    }).values;
  } catch (cause) {
    throw new BadInput(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function scenarioNamed(text: string): ScenarioName {
  const found = SCENARIO_NAMES.find((name) => name === text);
  if (found) return found;
  throw new BadInput(`There is no scenario "${text}"; there are ${SCENARIO_NAMES.join(', ')}.`);
}

function peersFrom(commands: readonly string[], topics: readonly string[]): readonly PeerOption[] {
  const topicOf = new Map(topics.map((text) => assignment(text, '--peer-topic')));
  const peers = commands.map((text) => {
    const [name, command] = assignment(text, '--peer');
    return { name, command, topic: topicOf.get(name) ?? PEER_TOPIC };
  });
  const names = ['sluice', 'debezium', 'debezium-tuned', ...peers.map(({ name }) => name)];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new BadInput(`Two programs would be called "${twice}".`);
  for (const name of topicOf.keys())
    if (!peers.some((peer) => peer.name === name))
      throw new BadInput(`--peer-topic names "${name}", which no --peer does.`);
  return peers;
}

function assignment(text: string, option: string): readonly [name: string, value: string] {
  const match = /^([a-z][a-z0-9-]*)=(.+)$/s.exec(text);
  if (match?.[1] !== undefined && match[2] !== undefined) return [match[1], match[2]];
  throw new BadInput(
    `${option} takes name=value, the name in small letters; "${text}" is not that.`,
  );
}
