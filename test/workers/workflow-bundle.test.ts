import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

async function bundleIn(cacheHome: string): Promise<string> {
  vi.stubEnv('XDG_CACHE_HOME', cacheHome);
  const { workflowBundle } = await import('../../src/workers/workflow-bundle.ts');
  return (await workflowBundle()).codePath;
}

describe('the bundle of the workflows', () => {
  it('is made once, and found again by the next worker', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-bundle-'));
    try {
      const file = await bundleIn(folder);
      expect(dirname(file)).toBe(join(folder, 'sluice'));
      const { ino, size } = await stat(file);
      expect(size).toBeGreaterThan(100_000);
      expect(await bundleIn(folder)).toBe(file);
      expect((await stat(file)).ino).toBe(ino);
      expect(await readdir(dirname(file))).toHaveLength(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is made in a folder that only its user can open when there is no cache', async () => {
    const file = await bundleIn('/dev/null/no-folder');
    try {
      expect((await stat(dirname(file))).mode & 0o777).toBe(0o700);
      expect((await stat(file)).size).toBeGreaterThan(100_000);
    } finally {
      await rm(dirname(file), { recursive: true });
    }
  });
});
