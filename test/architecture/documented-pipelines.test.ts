import { existsSync, globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePipeline } from '../../src/config/pipeline-file.ts';

const PAGES = ['README.md', ...globSync('{docs,demo}/**/*.md')].filter((page) => existsSync(page));
const FILES = globSync('demo/**/*.{yaml,yml}');

interface Example {
  readonly file: string;
  readonly text: string;
}

const isPipeline = ({ text }: Example): boolean => /^pipeline:/m.test(text);

const examples: readonly Example[] = [
  ...PAGES.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/```ya?ml\n([\s\S]*?)```/g)].map(([, text = '']) => ({
      file,
      text,
    })),
  ),
  ...FILES.map((file) => ({ file, text: readFileSync(file, 'utf8') })),
].filter(isPipeline);

describe('pipeline files that are shown to people', () => {
  it('are there', () => {
    expect(examples.map(({ file }) => file)).toContain('docs/configuration.md');
  });

  it.each(examples)('work as they stand in $file', ({ file, text }) => {
    expect(() => parsePipeline(text, { file, folder: '/srv', host: 'etl-1' })).not.toThrow();
  });
});
