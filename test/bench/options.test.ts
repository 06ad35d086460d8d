import { expect, it } from 'vitest';
import { parseOptions } from '../../bench/options.ts';
import { SCENARIO_NAMES } from '../../bench/scenarios.ts';

it('without options every scenario is compared at full size', () => {
  expect(parseOptions([])).toEqual({
    kind: 'compare',
    size: 'full',
    json: false,
    scenarios: SCENARIO_NAMES,
    rounds: 3,
    keep: 'alone',
    peers: [],
  });
});

it('--only may be repeated, and keeps nothing', () => {
  const task = parseOptions(['--quick', '--only', 'bulk', '--only', 'sink', '--only', 'bulk']);
  expect(task).toMatchObject({ size: 'quick', scenarios: ['bulk', 'sink'], keep: 'nowhere' });
  expect(parseOptions(['--only', 'bulk'])).toMatchObject({ size: 'full', keep: 'nowhere' });
});

it("--keep puts a scenario's results beside the others", () => {
  expect(parseOptions(['--only', 'bulk', '--keep'])).toMatchObject({ keep: 'beside the others' });
});

it('a peer has a command of its own and a topic like everybody, unless told otherwise', () => {
  const args = [
    '--peer',
    'mine=./run --a=b',
    '--peer',
    'other=x',
    '--peer-topic',
    'other=o.{table}',
  ];
  expect(parseOptions(args)).toMatchObject({
    peers: [
      { name: 'mine', command: './run --a=b', topic: '{prefix}.{database}.{table}' },
      { name: 'other', command: 'x', topic: 'o.{table}' },
    ],
  });
});

it('--profile takes one scenario', () => {
  expect(parseOptions(['--profile', 'bulk', '--quick'])).toEqual({
    kind: 'profile',
    scenario: 'bulk',
    size: 'quick',
  });
});

it.each([
  [['--only', 'bulky'], 'There is no scenario "bulky"'],
  [['--peer', 'nothing'], '--peer takes name=value'],
  [['--peer', 'Sluice=x'], '--peer takes name=value'],
  [['--peer-topic', 'mine=x'], 'which no --peer does'],
  [['--peer', 'debezium=x'], 'Two programs would be called "debezium"'],
  [['--peer', 'a=x', '--peer', 'a=y'], 'Two programs would be called "a"'],
  [['--quick', '--tiny'], 'Choose one of'],
  [['--quick', '--keep'], 'Only results of full size are kept'],
  [['--rounds', '0'], '--rounds takes a number from 1 to 9'],
  [['--fast'], '--fast'],
])('%j is refused with its reason', (args, reason) => {
  expect(() => parseOptions(args)).toThrow(reason);
});
