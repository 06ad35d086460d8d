import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parse, stringify } from 'yaml';
import type { ShopPipeline } from '../../demo/shop-pipeline.ts';
import type { Place } from '../../demo/worker-process.ts';
import { type CliOutcome, cli } from '../cli/spawn-cli.ts';

/** In the environment of every command, and of a worker that is given it. */
export const WRONG_PASSWORD = { SLUICE_TEST_WRONG_PASSWORD: 'not the password' };

/** What only a developer reads. */
const TRACE = /^\s+at |node_modules|undefined|\[object/m;

/** What a test changes in a pipeline's file. */
export interface Change {
  readonly pipeline?: string;
  readonly source?: Readonly<Record<string, unknown>>;
  readonly kafka?: Readonly<Record<string, unknown>>;
  readonly sinks?: Readonly<Record<string, unknown>>;
  readonly failures?: Readonly<Record<string, unknown>>;
}

/** The command line as a person runs it. */
export function sluice(place: Place, words: readonly string[]): Promise<CliOutcome> {
  return cli(['--address', place.address, '--namespace', place.namespace, ...words], {
    script: 'src/cli/main.ts',
    env: { ...place.env, ...WRONG_PASSWORD },
  });
}

/** A file of its own beside the shop's, with something else in it; its path. */
export async function fileWith(shop: ShopPipeline, name: string, change: Change): Promise<string> {
  const good = await readChange(shop.file);
  const file = join(shop.folder, `${name}.yaml`);
  const changed = {
    ...good,
    ...change,
    source: { ...good.source, ...change.source },
    kafka: { ...good.kafka, ...change.kafka },
  };
  await writeFile(file, stringify(changed));
  return file;
}

/** The account the shop's pipeline reads with, as GRANT wants it. */
export async function accountOf(shop: ShopPipeline): Promise<string> {
  const { source } = await readChange(shop.file);
  return `'${String(source['user'])}'@'%'`;
}

async function readChange(file: string): Promise<Required<Change>> {
  return parse(await readFile(file, 'utf8')) as Required<Change>;
}

/** The command ended with this code and said all of this, and nothing that only a developer reads. */
export function expectSaid(
  { exitCode, stdout, stderr }: CliOutcome,
  expected: { readonly exitCode: number; readonly said: readonly string[] },
): void {
  const text = `${stdout}${stderr}`;
  for (const said of expected.said) expect(text).toContain(said);
  expect(text).not.toMatch(TRACE);
  expect(exitCode).toBe(expected.exitCode);
}
