import { describe, expect, it } from 'vitest';
import { unreachable } from '../../src/change/brand.ts';
import { addressFromEnvironment } from '../../tools/stack/address.ts';
import { type Expectation, type Right, readExpectations } from './expectation.ts';
import { type FieldCase, readCases } from './field-case.ts';
import { judgeCase, type Verdict } from './judge-case.ts';

/** Of the whole suite, since every test begins at once and waits for its case to be played. */
const SUITE_MS = 900_000;

const env = {
  SLUICE_MYSQL_URL: process.env['SLUICE_TEST_MYSQL'],
  SLUICE_KAFKA_BROKERS: process.env['SLUICE_TEST_KAFKA'],
};
const mysql = addressFromEnvironment('mysql', env);
const kafka = addressFromEnvironment('kafka', env);

const expectations = readExpectations();
/** Those that take longest come first in the table. */
const cases = readCases().toSorted((a, b) => rank(a) - rank(b));

function rank({ name }: FieldCase): number {
  return expectations.findIndex(({ caseName }) => caseName === name);
}

const verdicts = new Map<string, Promise<Verdict>>();

/** A case is played when its first test asks. */
function verdictOf(fieldCase: FieldCase): Promise<Verdict> {
  const known = verdicts.get(fieldCase.name);
  if (known) return known;
  const servers = { mysql: mysql!, brokers: kafka!.brokers };
  const verdict = judgeCase(fieldCase, expectationsOf(fieldCase), servers);
  verdicts.set(fieldCase.name, verdict);
  return verdict;
}

const expectationsOf = ({ name }: FieldCase): readonly Expectation[] =>
  expectations.filter(({ caseName }) => caseName === name);

function claim(right: Right, names: string): string {
  switch (right.kind) {
    case 'equal':
      return `${names} equal to the source`;
    case 'as stated':
      return `the rows of ${names} that it states`;
    case 'gone':
      return `no view of ${names}`;
    case 'stopped':
      return `${names} stopped alone, by ${right.code}`;
    case 'left out':
      return `${names} left out`;
    default:
      return unreachable(right);
  }
}

it('every case of the field has expectations, and every expectation its case', () => {
  const named = new Set(expectations.map(({ caseName }) => caseName));
  expect([...named].toSorted()).toEqual(cases.map(({ name }) => name).toSorted());
});

it('no database of a case begins like that of another', () => {
  const alike = cases.filter(({ database }) =>
    cases.some((other) => other.database !== database && other.database.startsWith(database)),
  );
  expect(alike.map(({ name }) => name)).toEqual([]);
});

describe.skipIf(!mysql || !kafka).concurrent.each(cases)(
  'the case $name',
  { timeout: SUITE_MS },
  (fieldCase) => {
    for (const expectation of expectationsOf(fieldCase)) {
      const { tables, right, notYet } = expectation;
      const names = tables.map(({ table }) => table).join(', ');
      const mark = notYet === undefined ? '' : `, which is not so yet: ${notYet}`;
      it(`ends with ${claim(right, names)}${mark}`, { fails: notYet !== undefined }, async () => {
        const { faults } = await verdictOf(fieldCase);
        expect(faults.get(expectation)?.join('\n')).toBe('');
      });
    }

    it('ends with no other tables', async () => {
      expect((await verdictOf(fieldCase)).strangers).toEqual([]);
    });
  },
);
