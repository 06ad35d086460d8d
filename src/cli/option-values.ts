import { InvalidArgumentError } from 'commander';
import { CASCADES_SELECTOR, patternList } from '../config/text-rules.ts';

/** Parser of an option that counts something. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It is a whole number.');
  return Number(text);
}

/** Parser of an option that says how many there may be. */
export function atLeastOne(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text))
    throw new InvalidArgumentError('It is a whole number from 1 to 9999.');
  return Number(text);
}

/** Parser of an option that lists names. */
export function commaList(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes(''))
    throw new InvalidArgumentError('It is a list of names with commas between.');
  return names;
}

/** Parser of an option that may be given several times. */
export const collected = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  text,
];

/** Parser of an option that lists tables: patterns as in the configuration, commas between. */
export function tableList(text: string): readonly string[] {
  return readList(text, []);
}

/** The same where tables may be named by what they have in common. */
export function tableOrSelectorList(text: string): readonly string[] {
  return readList(text, [CASCADES_SELECTOR]);
}

function readList(text: string, selectors: readonly string[]): readonly string[] {
  const list = patternList(text, selectors);
  if ('problem' in list) throw new InvalidArgumentError(`${list.problem}.`);
  return list.patterns;
}
