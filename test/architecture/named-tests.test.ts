import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const GUARANTEES = 'docs/03-guarantees.md';
const PAGES = ['README.md', ...globSync('docs/**/*.md')].filter((page) => existsSync(page));

/** `test/a/b.kafka.test.ts`, with an optional title behind it: `… › the title`. */
const NAMED_TEST = /(test\/[\w./-]+\.test\.ts)(?:`?\s*›\s*`?([^`|\n]+))?/g;

interface NamedTest {
  readonly file: string;
  readonly title: string | undefined;
}

const namedTests = (text: string): readonly NamedTest[] =>
  [...text.matchAll(NAMED_TEST)].map(([, file = '', title]) => ({ file, title: title?.trim() }));

function isThere({ file, title }: NamedTest): boolean {
  if (!existsSync(file)) return false;
  return title === undefined || readFileSync(file, 'utf8').includes(title);
}

describe.each(PAGES)('%s', (page) => {
  it('names only tests that exist, with the titles they have', () => {
    const missing = namedTests(readFileSync(page, 'utf8')).filter((test) => !isThere(test));
    expect(missing).toEqual([]);
  });

  it('links to nothing that is not there', () => {
    const links = [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)];
    const missing = links.filter(([, to = '']) => !existsSync(join(dirname(page), to)));
    expect(missing.map(([, to]) => to)).toEqual([]);
  });
});

describe.runIf(existsSync(GUARANTEES))('the table of guarantees', () => {
  const rows = existsSync(GUARANTEES)
    ? readFileSync(GUARANTEES, 'utf8')
        .split('\n')
        .filter((line) => /^\|\s*G\d+\s*\|/.test(line))
    : [];

  it('has rows', () => {
    expect(rows.length).toBeGreaterThan(0);
  });

  it.each(rows)('proves with a test, or says that it is not proven yet: %s', (row) => {
    expect(namedTests(row).length > 0 || /not (?:proven|built|there) yet/i.test(row)).toBe(true);
  });
});
