import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Comparison, compare } from './compare.ts';
import type { Task } from './options.ts';
import { type CpuProfile, profileSummary } from './profile-summary.ts';
import { SCENARIOS } from './scenarios.ts';
import { sluice } from './sluice.ts';

const FOLDER = resolve(import.meta.dirname, '../.sluice/profiles');
const INTERVAL_US = 500;
const SHOWN_LINES = 12;

/** Runs Sluice alone under Node's profiler, which writes a file for each of its threads. */
export async function profile(
  { scenario, size }: Extract<Task, { kind: 'profile' }>,
  surroundings: Pick<Comparison, 'place' | 'source' | 'say'> & { readonly version: string },
): Promise<number> {
  const startedAtMs = Date.now();
  await mkdir(FOLDER, { recursive: true });
  const flags = ['--cpu-prof', `--cpu-prof-dir=${FOLDER}`, `--cpu-prof-interval=${INTERVAL_US}`];
  const contender = sluice(surroundings.version, surroundings.place, flags);
  await compare(SCENARIOS[scenario], { ...surroundings, contenders: [contender], rounds: 1, size });
  const paths = (await readdir(FOLDER)).map((name) => join(FOLDER, name));
  const files = await Promise.all(
    paths.map(async (path) => {
      const { mtimeMs, size: bytes } = await stat(path);
      return { path, mtimeMs, bytes };
    }),
  );
  const written = files
    .filter(({ mtimeMs }) => mtimeMs >= startedAtMs)
    .sort((a, b) => b.bytes - a.bytes);
  for (const { path } of written) {
    const summary = profileSummary(JSON.parse(await readFile(path, 'utf8')) as CpuProfile);
    const lines = summary
      .slice(0, SHOWN_LINES)
      .map(
        ({ place, ms, part }) =>
          `  ${(part * 100).toFixed(1).padStart(5)} %  ${ms.toFixed(0).padStart(7)} ms  ${place}`,
      );
    process.stdout.write(`${[path, ...lines].join('\n')}\n`);
  }
  return written.length > 0 ? 0 : 1;
}
