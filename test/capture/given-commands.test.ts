import { expect, it } from 'vitest';
import { GivenCommands } from '../../src/capture/given-commands.ts';
import type { RunningCommand } from '../../src/control/stream-command.ts';

const cancel = (commandId: string): RunningCommand => ({
  kind: 'cancelSnapshot',
  commandId,
  snapshotId: 's1',
});

const idsOf = (commands: readonly { readonly commandId: string }[]): readonly string[] =>
  commands.map(({ commandId }) => commandId);

it('commands that came with the start and later ones are taken once an attempt, in their order', () => {
  const given = new GivenCommands([cancel('a')]);
  expect(idsOf(given.begin())).toEqual(['a']);
  expect(idsOf(given.takeMore())).toEqual(['a']);
  expect(given.hasMore).toBe(false);
  given.give([cancel('b'), cancel('a')]);
  given.give([cancel('b'), cancel('c')]);
  expect(given.hasMore).toBe(true);
  expect(idsOf(given.takeMore())).toEqual(['b', 'c']);
  expect(given.hasMore).toBe(false);
});

it('commands that no durable checkpoint names are for the next attempt, the others are not', () => {
  const given = new GivenCommands([cancel('a'), cancel('b')]);
  given.takeMore();
  given.give([cancel('c'), cancel('d')]);
  given.takeMore();
  given.settle(['a', 'c']);
  expect(given.hasMore).toBe(false);
  given.give([cancel('e')]);
  expect(idsOf(given.takeMore())).toEqual(['e']);
  expect(idsOf(given.begin())).toEqual(['b', 'd', 'e']);
  expect(idsOf(given.takeMore())).toEqual(['b', 'd', 'e']);
});

it('whoever listens is told of each command that is given', () => {
  const given = new GivenCommands();
  let told = 0;
  given.give([cancel('a')]);
  given.onGiven(() => (told += 1));
  given.give([cancel('b')]);
  expect(told).toBe(1);
});
