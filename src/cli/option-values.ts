import { InvalidArgumentError } from 'commander';

/** Parser of an option that counts something. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It is a whole number.');
  return Number(text);
}

/** Parser of an option that lists names. */
export function commaList(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes(''))
    throw new InvalidArgumentError('It is a list of names with commas between.');
  return names;
}
