import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../src/errors/catalogue.ts';

const CODES = Object.keys(CATALOGUE);

function sources(): string {
  return globSync('src/**/*.ts')
    .filter((file) => file !== 'src/errors/catalogue.ts')
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
}

describe('the error catalogue', () => {
  it.each(CODES)('says for %s what happened and what a person does, in whole sentences', (code) => {
    const { title, meaning, action } = CATALOGUE[code as keyof typeof CATALOGUE];
    expect(code).toMatch(/^[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(title).toMatch(/^[A-Z\d].*[^.]$/);
    expect(meaning).toMatch(/^\S.*\.$/);
    expect(action).toMatch(/[.]$/);
  });

  it('holds no code that nothing throws', () => {
    const text = sources();
    expect(CODES.filter((code) => !text.includes(`'${code}'`))).toEqual([]);
  });
});
