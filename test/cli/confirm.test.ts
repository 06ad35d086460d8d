import { expect, it } from 'vitest';
import { confirm } from '../../src/cli/confirm.ts';
import type { Console } from '../../src/cli/console.ts';

function aTerminal(typed: string): Console & { readonly shown: string[] } {
  const shown: string[] = [];
  return {
    json: false,
    interactive: true,
    shown,
    result: () => undefined,
    results: () => undefined,
    redraw: () => undefined,
    write: async () => undefined,
    note: (text) => shown.push(text),
    ask: async (question) => {
      shown.push(question);
      return typed;
    },
  };
}

const PLAN = { steps: ['Everything ends.'], name: 'shop', yes: false };
const { signal } = new AbortController();

it('goes on when the name is typed, after the plan was shown', async () => {
  const terminal = aTerminal(' shop ');
  await confirm(terminal, PLAN, signal);
  expect(terminal.shown).toEqual(['- Everything ends.', 'Type shop to go on: ']);
});

it.each(['', 'y', 'yes', 'Shop', 'shop2'])('refuses when %j is typed', async (typed) => {
  await expect(confirm(aTerminal(typed), PLAN, signal)).rejects.toMatchObject({
    code: 'cli.not-confirmed',
  });
});

it('does not ask when a script has said yes', async () => {
  const terminal = aTerminal('');
  await confirm(terminal, { ...PLAN, yes: true }, signal);
  expect(terminal.shown).toEqual(['- Everything ends.']);
});
