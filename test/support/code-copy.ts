import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const REPOSITORY = resolve(import.meta.dirname, '../..');
const COPIED = ['src', 'demo', 'package.json'];

/** A text of one file, which is there once, and what is there instead. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Another version of the code in a folder of its own, which goes with the scope. */
export function copyOfCode(...changes: readonly Change[]): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'sluice-code-'));
  for (const name of COPIED) cpSync(join(REPOSITORY, name), join(path, name), { recursive: true });
  symlinkSync(join(REPOSITORY, 'node_modules'), join(path, 'node_modules'));
  for (const { file, from, to } of changes) {
    const parts = readFileSync(join(path, file), 'utf8').split(from);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${from}`);
    writeFileSync(join(path, file), parts.join(to));
  }
  return {
    path,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}
