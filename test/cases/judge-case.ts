import { tableName } from '../../src/change/table.ts';
import type { Expectation } from './expectation.ts';
import type { FieldCase } from './field-case.ts';
import { type CaseServers, playCase } from './play-case.ts';
import { faultOf, findingsOf, strangers } from './table-fault.ts';

/** Cases at the same time: while one waits for a pause of its pipeline to end, others work. */
const LANES = 6;

export interface Verdict {
  /** What is wrong, by expectation; empty where nothing is. */
  readonly faults: ReadonlyMap<Expectation, readonly string[]>;
  /** Tables at the source or in the warehouse that nobody expects. */
  readonly strangers: readonly string[];
}

const waiting: (() => void)[] = [];
let free = LANES;

/** Plays a case when a lane is free, and compares. */
export async function judgeCase(
  fieldCase: FieldCase,
  expectations: readonly Expectation[],
  servers: CaseServers,
): Promise<Verdict> {
  if (free > 0) free -= 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return await judge(fieldCase, expectations, servers);
  } finally {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  }
}

async function judge(
  fieldCase: FieldCase,
  expectations: readonly Expectation[],
  servers: CaseServers,
): Promise<Verdict> {
  await using played = await playCase(fieldCase, servers);
  const findings = await findingsOf(fieldCase, played);
  const faults = new Map<Expectation, readonly string[]>();
  for (const expectation of expectations) {
    const found: string[] = [];
    for (const id of expectation.tables) {
      const fault = await faultOf(findings, id, expectation.right).catch(String);
      if (fault !== undefined) found.push(`${fieldCase.name}, ${tableName(id)}: ${fault}`);
    }
    if (found.length > 0 && played.trouble !== undefined) found.push(played.trouble);
    faults.set(expectation, found);
  }
  const expected = expectations.flatMap(({ tables }) => tables);
  return { faults, strangers: strangers(findings, expected) };
}
