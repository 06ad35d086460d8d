import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildOnce, cacheFolder } from '../../../tools/stack/cache.ts';
import { scratchFolder } from './scratch-folder.ts';

const ignoreWait = () => undefined;

describe('the cache', () => {
  it('is where XDG_CACHE_HOME says, else in the home folder', () => {
    expect(cacheFolder({ XDG_CACHE_HOME: '/caches' })).toBe('/caches/sluice');
    expect(cacheFolder({})).toBe(join(homedir(), '.cache/sluice'));
  });

  it('builds an entry once for all who ask at the same time', async () => {
    const cache = scratchFolder();
    let builds = 0;
    const build = async (folder: string) => {
      builds++;
      await writeFile(join(folder, 'program'), 'bytes');
    };
    const ask = () => buildOnce(cache, 'server-1', build, ignoreWait);
    const homes = await Promise.all([ask(), ask(), ask()]);
    expect(builds).toBe(1);
    expect(new Set(homes)).toEqual(new Set([join(cache, 'server-1')]));
    expect(await readFile(join(cache, 'server-1/program'), 'utf8')).toBe('bytes');
  });

  it('never shows an unfinished entry under its name', async () => {
    const cache = scratchFolder();
    await buildOnce(
      cache,
      'server-1',
      async (folder) => {
        await writeFile(join(folder, 'half'), '');
        expect(existsSync(join(cache, 'server-1'))).toBe(false);
      },
      ignoreWait,
    );
  });

  it('keeps nothing of a build that fails, and builds anew', async () => {
    const cache = scratchFolder();
    const failing = async (folder: string) => {
      await writeFile(join(folder, 'half'), '');
      throw new Error('no network');
    };
    await expect(buildOnce(cache, 'server-1', failing, ignoreWait)).rejects.toThrow('no network');
    expect(await readdir(cache)).toEqual([]);
    const home = await buildOnce(cache, 'server-1', async () => undefined, ignoreWait);
    expect(await readdir(home)).toEqual([]);
  });

  it('removes what a killed build of the same entry left, and nothing else', async () => {
    const cache = scratchFolder();
    await mkdir(join(cache, 'server-1.building-abc/half'), { recursive: true });
    await mkdir(join(cache, 'server-2.building-xyz'));
    await buildOnce(cache, 'server-1', async () => undefined, ignoreWait);
    expect((await readdir(cache)).sort()).toEqual(['server-1', 'server-2.building-xyz']);
  });
});
