import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface LockedPackage {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const read = (file: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));

const lock = read('package-lock.json') as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};
const { '': root, ...packages } = lock.packages;

describe('package-lock.json', () => {
  // npm leaves out, without a word, what the registry at hand does not have, and `npm ci` then
  // refuses the file: pin a version whose binaries can be had for every platform.
  it('lists the binaries of every platform, so that npm ci takes it', () => {
    const listed = new Set(Object.keys(packages).map((path) => path.split('node_modules/').at(-1)));
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.entries(optionalDependencies)
        .filter(([name]) => !listed.has(name))
        .map(([name, version]) => `${path} wants ${name}@${version}`),
    );
    expect(missing).toEqual([]);
  });

  it('names no registry, and the hash of every package', () => {
    const entries = Object.entries(packages);
    expect(entries.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
    expect(entries.filter(([, { integrity }]) => integrity === undefined)).toEqual([]);
  });

  it('was written for the dependencies of package.json', () => {
    const { dependencies, devDependencies, bin } = read('package.json') as Record<string, unknown>;
    expect(root).toMatchObject({ dependencies, devDependencies, bin });
  });
});
