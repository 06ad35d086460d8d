import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { debianMirror } from '../../../tools/stack/debian-packages.ts';
import { scratchFolder } from './scratch-folder.ts';

const DEB822 = `Types: deb
# http://snapshot.example/archive/debian/20250520T000000Z
URIs: http://mirror.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
`;

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = scratchFolder();
  await mkdir(join(folder, 'sources.list.d'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

describe('the Debian mirror of the system', () => {
  it.each([
    ['many-line sources', { 'sources.list.d/debian.sources': DEB822 }],
    ['one-line sources', { 'sources.list': 'deb http://mirror.example/debian bookworm main\n' }],
    [
      'one-line sources with options',
      { 'sources.list': 'deb [arch=amd64] http://mirror.example/debian bookworm main\n' },
    ],
    [
      'sources with other archives before it',
      {
        'sources.list': 'deb http://mirror.example/debian-security bookworm-security main\n',
        'sources.list.d/a.list': 'deb https://vendor.example/apt stable main\n',
        'sources.list.d/b.sources': DEB822,
      },
    ],
  ])('is read from %s', async (_, files) => {
    expect(await debianMirror(await folderWith(files))).toBe('http://mirror.example/debian');
  });

  it.each([
    ['a snapshot', 'deb http://snapshot.example/archive/debian bookworm main\n'],
    ['a comment', '# deb http://mirror.example/debian bookworm main\n'],
    ['another distribution', 'deb http://archive.example/ubuntu noble main\n'],
  ])('is not taken from %s', async (_, text) => {
    const folder = await folderWith({ 'sources.list': text });
    await expect(debianMirror(folder)).rejects.toThrow('No Debian mirror');
  });
});
