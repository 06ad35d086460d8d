import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from './address.ts';
import type { Command } from './detached-process.ts';
import type { BuildContext } from './packaged-server.ts';
import { hasProgram } from './prerequisite.ts';
import { run, StackFailure } from './run.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const SOURCES = '/etc/apt';

interface Architecture {
  readonly debian: string;
  readonly triplet: string;
  readonly loader: string;
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x64: { debian: 'amd64', triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { debian: 'arm64', triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
};

/** What a machine lacks for `unpackPackages` (nothing when already cached) and `throughLoader`. */
export function lacksForDebianPackages(cached: boolean, env: Environment): readonly string[] {
  if (process.platform !== 'linux' || ARCHITECTURES[process.arch] === undefined) {
    return ['Linux on x86-64 or arm64'];
  }
  if (cached) return [];
  const programs = ['apt-get', 'dpkg-deb'].filter((program) => !hasProgram(program, env));
  return existsSync(KEYRING) ? programs : [...programs, `${KEYRING} (debian-archive-keyring)`];
}

/**
 * Unpacks packages of Debian's suite sid, with everything they depend on, into a folder.
 *
 * apt works on a state of its own with an empty list of installed packages, so nothing of the
 * system changes and every library comes along, down to the C library.
 */
export async function unpackPackages(
  packages: readonly string[],
  folder: string,
  context: BuildContext,
): Promise<void> {
  const state = join(folder, '.apt');
  await mkdir(join(state, 'lists/partial'), { recursive: true });
  await mkdir(join(state, 'cache/archives/partial'), { recursive: true });
  await writeFile(join(state, 'status'), '');
  const mirror = await debianMirror(SOURCES);
  await writeFile(join(state, 'sources.list'), `deb [signed-by=${KEYRING}] ${mirror} sid main\n`);
  const apt = (...words: readonly string[]) =>
    run('apt-get', [...aptOptions(state), ...words], { cwd: folder, ...context });
  await apt('update');
  await apt('-y', '--no-install-recommends', '--download-only', 'install', ...packages);
  for (const name of await readdir(join(state, 'cache/archives'))) {
    if (!name.endsWith('.deb')) continue;
    await run('dpkg-deb', ['-x', join(state, 'cache/archives', name), folder], {
      cwd: folder,
      ...context,
    });
  }
  await rm(state, { recursive: true, force: true });
}

function aptOptions(state: string): readonly string[] {
  return [
    ['Dir::State', state],
    ['Dir::State::lists', join(state, 'lists')],
    ['Dir::State::status', join(state, 'status')],
    ['Dir::Cache', join(state, 'cache')],
    ['Dir::Etc::sourcelist', join(state, 'sources.list')],
    ['Dir::Etc::sourceparts', '/dev/null'],
    ['APT::Architecture', architecture().debian],
    // A home folder is not readable for apt's own unprivileged user.
    ['APT::Sandbox::User', 'root'],
    // The system may tell apt to throw downloads away.
    ['APT::Keep-Downloaded-Packages', 'true'],
  ].flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

/** The mirror from which the system itself takes Debian, read from one- and many-line sources. */
export async function debianMirror(folder: string): Promise<string> {
  const parts = join(folder, 'sources.list.d');
  const files = [join(folder, 'sources.list')];
  if (existsSync(parts)) files.push(...(await readdir(parts)).sort().map((n) => join(parts, n)));
  for (const file of files) {
    if (!existsSync(file)) continue;
    const found = mirrorIn(await readFile(file, 'utf8'));
    if (found !== undefined) return found;
  }
  throw new StackFailure(`No Debian mirror is named in ${folder}/sources.list or sources.list.d.`);
}

function mirrorIn(sources: string): string | undefined {
  for (const line of sources.split('\n')) {
    const entry = /^(?:URIs:|deb\s+(?:\[[^\]]*\]\s+)?)\s*(\S+)/.exec(line)?.[1];
    if (entry !== undefined && /\/debian\/?$/.test(entry) && !entry.includes('snapshot')) {
      return entry;
    }
  }
  return undefined;
}

/** A command that runs an unpacked program with the libraries unpacked beside it. */
export function throughLoader(
  home: string,
  program: string,
  args: readonly string[],
  extraLibraries: readonly string[] = [],
): Command {
  const { triplet, loader } = architecture();
  const system = join(home, 'usr/lib', triplet);
  const libraries = [system, ...extraLibraries.map((folder) => join(home, folder))].join(':');
  return {
    program: join(system, loader),
    args: ['--library-path', libraries, join(home, program), ...args],
  };
}

function architecture(): Architecture {
  const known = ARCHITECTURES[process.arch];
  if (known === undefined) throw new StackFailure(`No packages are known for ${process.arch}.`);
  return known;
}
