import { describe, expect, it } from 'vitest';
import { unreachable } from '../../src/change/brand.ts';
import { tableName } from '../../src/change/table.ts';
import { addressFromEnvironment } from '../../tools/stack/address.ts';
import { type Expectation, type Right, readExpectations } from './expectation.ts';
import { type FieldCase, readCases } from './field-case.ts';
import { playCase } from './play-case.ts';
import { faultOf, findingsOf, strangers } from './table-fault.ts';

/** Pipelines at the same time: enough that none waits for another's pauses. */
const LANES = 6;
/** Of the whole suite, since every test begins at once and waits for its case to be played. */
const SUITE_MS = 600_000;

const env = {
  SLUICE_MYSQL_URL: process.env['SLUICE_TEST_MYSQL'],
  SLUICE_KAFKA_BROKERS: process.env['SLUICE_TEST_KAFKA'],
};
const mysql = addressFromEnvironment('mysql', env);
const kafka = addressFromEnvironment('kafka', env);

const expectations = readExpectations();
/** Those that take longest come first in the table. */
const cases = readCases().toSorted((a, b) => rank(a) - rank(b));

/** What is wrong by expectation, and tables that nobody expects. */
interface Verdict {
  readonly faults: ReadonlyMap<Expectation, readonly string[]>;
  readonly strangers: readonly string[];
}

function rank({ name }: FieldCase): number {
  return expectations.findIndex(({ caseName }) => caseName === name);
}

const expectationsOf = ({ name }: FieldCase): readonly Expectation[] =>
  expectations.filter(({ caseName }) => caseName === name);

const waiting: (() => void)[] = [];
let free = LANES;
const verdicts = new Map<string, Promise<Verdict>>();

/** Plays a case when its first test asks, with the others of its lane before it. */
function verdictOf(fieldCase: FieldCase): Promise<Verdict> {
  const known = verdicts.get(fieldCase.name);
  if (known) return known;
  const verdict = inALane(() => judge(fieldCase));
  verdicts.set(fieldCase.name, verdict);
  return verdict;
}

async function inALane<Result>(work: () => Promise<Result>): Promise<Result> {
  if (free > 0) free -= 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  }
}

async function judge(fieldCase: FieldCase): Promise<Verdict> {
  const servers = { mysql: mysql!, brokers: kafka!.brokers };
  await using played = await playCase(fieldCase, servers);
  const findings = await findingsOf(fieldCase, played);
  const its = expectationsOf(fieldCase);
  const faults = new Map<Expectation, readonly string[]>();
  for (const expectation of its) {
    const found: string[] = [];
    for (const id of expectation.tables) {
      const fault = await faultOf(findings, id, expectation.right).catch((error: unknown) =>
        String(error),
      );
      if (fault !== undefined) found.push(`${fieldCase.name}, ${tableName(id)}: ${fault}`);
    }
    if (found.length > 0 && played.trouble !== undefined) found.push(played.trouble);
    faults.set(expectation, found);
  }
  return {
    faults,
    strangers: strangers(
      findings,
      its.flatMap(({ tables }) => tables),
    ),
  };
}

function claim(right: Right, names: string): string {
  switch (right.kind) {
    case 'equal':
      return `${names} equal to the source`;
    case 'gone':
      return `no rows of ${names}`;
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
