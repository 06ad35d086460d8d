import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Gtid } from '../../src/change/gtid.ts';
import { formatGtidSet, GtidSet, parseGtidSet } from '../../src/change/gtid-set.ts';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = '4e11fa47-71ca-11e1-9e33-c80aa9429562';
const SOURCES = [A, `${A}:night_shift`, B];

/** The naive model: the GTIDs themselves. */
const gtid = fc
  .tuple(fc.constantFrom(...SOURCES), fc.integer({ min: 1, max: 30 }))
  .map(([source, number]) => `${source}:${number}` as Gtid);
const model = fc.uniqueArray(gtid, { maxLength: 40 });

function setOf(gtids: Iterable<Gtid>): GtidSet {
  const set = new GtidSet();
  for (const item of gtids) set.add(item);
  return set;
}

const everyGtid = SOURCES.flatMap((source) =>
  Array.from({ length: 32 }, (_, index) => `${source}:${index + 1}` as Gtid),
);
const members = (set: GtidSet): ReadonlySet<Gtid> =>
  new Set(everyGtid.filter((item) => set.contains(item)));

describe('parseGtidSet and formatGtidSet', () => {
  const CASES: readonly (readonly [printed: string, canonical: string])[] = [
    ['', ''],
    [' \n', ''],
    [`${A}:1`, `${A}:1`],
    [`${A.toUpperCase()}:1-5,\n${B}:7`, `${A}:1-5,${B}:7`],
    [`${B}:1-2, ${A}:3`, `${A}:3,${B}:1-2`],
    [`${A}:1-5:6-9:11`, `${A}:1-9:11`],
    [`${A}:5-9:1-6`, `${A}:1-9`],
    [`${A}:1-5:night_shift:1-3:7:batch:2`, `${A}:1-5,${A}:batch:2,${A}:night_shift:1-3:7`],
    [`${A}:Night_Shift:2`, `${A}:night_shift:2`],
    [`${A}:1-5,${A}:6-7`, `${A}:1-7`],
    [`${A}:1-9007199254740990`, `${A}:1-9007199254740990`],
  ];
  it.each(CASES)('reads %j as %j', (printed, canonical) => {
    expect(formatGtidSet(parseGtidSet(printed))).toBe(canonical);
  });

  it.each([
    'x:1',
    A,
    `${A}:`,
    `${A}:tag`,
    `${A}:1-5:tag`,
    `${A}:0`,
    `${A}:5-3`,
    `${A}:1-`,
    `${A}:1:9tag:1`,
    `${A}:${'t'.repeat(33)}:1`,
  ])('refuses %j', (text) => {
    expect(() => parseGtidSet(text)).toThrow(/GTID/);
  });

  it('refuses a number that could not be counted exactly', () => {
    expect(() => parseGtidSet(`${A}:1-9007199254740992`)).toThrow(/counted exactly/);
  });

  it('reads its own text back, whatever the set', () => {
    fc.assert(
      fc.property(model, (gtids) => {
        const set = setOf(gtids);
        const text = formatGtidSet(set);
        expect(members(parseGtidSet(text))).toEqual(new Set(gtids));
        expect(formatGtidSet(parseGtidSet(text))).toBe(text);
      }),
    );
  });
});

describe('GtidSet', () => {
  it('holds what was added, in any order, and nothing else', () => {
    fc.assert(
      fc.property(model, (gtids) => {
        expect(members(setOf(gtids))).toEqual(new Set(gtids));
      }),
    );
  });

  it('unites, subtracts and compares like sets of single GTIDs', () => {
    fc.assert(
      fc.property(model, model, (left, right) => {
        const [a, b] = [setOf(left), setOf(right)];
        const [wantA, wantB] = [new Set(left), new Set(right)];
        expect(members(a.union(b))).toEqual(wantA.union(wantB));
        expect(members(a.subtract(b))).toEqual(wantA.difference(wantB));
        expect(a.isSubsetOf(b)).toBe(wantA.isSubsetOf(wantB));
        expect(a.subtract(b).isEmpty).toBe(wantA.isSubsetOf(wantB));
      }),
    );
  });

  it('keeps the sets it was combined from unchanged when the result grows', () => {
    const a = parseGtidSet(`${A}:1-5`);
    const sum = a.union(parseGtidSet(`${B}:1`));
    sum.add(`${A}:6` as Gtid);
    a.add(`${A}:9` as Gtid);
    expect(formatGtidSet(a)).toBe(`${A}:1-5:9`);
    expect(formatGtidSet(sum)).toBe(`${A}:1-6,${B}:1`);
  });

  it('takes a long stream of transactions into one interval', () => {
    const set = new GtidSet();
    for (let number = 1; number <= 200_000; number += 1) set.add(`${A}:${number}` as Gtid);
    expect(formatGtidSet(set)).toBe(`${A}:1-200000`);
  });

  it('subtracts sets of very many intervals in reasonable time', () => {
    const holes = (from: number): GtidSet =>
      new GtidSet([
        [
          A,
          Array.from({ length: 50_000 }, (_, index) => ({
            start: from + 4 * index,
            end: from + 4 * index + 1,
          })),
        ],
      ]);
    expect(holes(1).subtract(holes(3)).isSubsetOf(holes(1))).toBe(true);
    expect(holes(1).isSubsetOf(holes(3))).toBe(false);
  });
});
