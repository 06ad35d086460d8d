import { describe, expect, it } from 'vitest';
import { Random } from '../../demo/random.ts';
import { ContinuityFleet, SHARED_EVENTS, type SharedEvent } from '../support/continuity-fleet.ts';
import type { LaneVerdict } from '../support/continuity-verdict.ts';
import { givenServers, ownServers } from '../support/shop-harness.ts';

/** DuckDB is the only warehouse where there is no emulator. */
const EMULATOR = process.env['SLUICE_TEST_BIGQUERY'];
/** Schedules: each is a pipeline over a database of its own. */
const RUNS = Number(process.env['SLUICE_TEST_CONTINUITY_STACK_RUNS'] ?? 2);
/** Of a run that failed, to repeat it; how statements and pipeline meet is the machine's. */
const SEED = Number(process.env['SLUICE_TEST_CONTINUITY_STACK_SEED'] ?? Date.now() % 1_000_000);
/** Schedules that one worker plays at once; it serves up to 20 streams and as many sinks. */
const LANES = Number(process.env['SLUICE_TEST_CONTINUITY_STACK_LANES'] ?? 4);
/** On a machine that others use as well. */
const FLEET_MS = 1_200_000;

const given = givenServers();

/** A kill and a purge in either order; where many schedules are asked for, one more of any kind. */
function eventsOf(seed: number): readonly SharedEvent[] {
  const random = new Random(seed);
  const events: SharedEvent[] = random.below(2) === 0 ? ['kill', 'purge'] : ['purge', 'kill'];
  if (RUNS > LANES) events.splice(random.below(3), 0, random.pick(SHARED_EVENTS));
  return events;
}

/** What has happened and been compared in all fleets so far, by kind. */
const tally: Record<string, number> = {};

function count(added: Readonly<Record<string, number>>): void {
  for (const [kind, times] of Object.entries(added)) tally[kind] = (tally[kind] ?? 0) + times;
}

function countVerdict({ compared, excused, rows }: LaneVerdict): void {
  for (const [warehouse, tables] of Object.entries(compared))
    count({ [`tables compared in ${warehouse}`]: tables });
  for (const [why, tables] of Object.entries(excused)) count({ [`tables ${why}`]: tables });
  count({ 'rows compared': rows });
}

async function expectTruth(fleet: ContinuityFleet, isRestored: boolean): Promise<void> {
  const verdicts = await fleet.judge(isRestored);
  for (const verdict of verdicts) countVerdict(verdict);
  const wrong = fleet.lanes.filter((_, index) => verdicts[index]?.faults.length !== 0);
  const stories = wrong.map((lane) => `${lane.name}\n${lane.story()}`).join('\n\n');
  const faults = verdicts.flatMap((verdict) => verdict.faults);
  expect(faults, stories).toEqual([]);
}

async function playFleet(fleet: ContinuityFleet, seed: number): Promise<void> {
  await expectTruth(fleet, false);
  for (const event of eventsOf(seed)) {
    await fleet.phase(event);
    await expectTruth(fleet, false);
  }
  await fleet.restore();
  await expectTruth(fleet, true);
}

describe.skipIf(given === undefined)('tables of random schedules on real servers', () => {
  const fleets = Array.from({ length: Math.ceil(RUNS / LANES) }, (_, index) => index);

  it.each(fleets)(
    `equal the source in every warehouse that calls them consistent, and all are so in the end (fleet %i of seed ${SEED})`,
    async (number) => {
      if (given === undefined) return;
      const seed = SEED + number * LANES;
      // Purging would take the log away under other tests.
      await using own = await ownServers(['mysql']);
      const { mysql } = own.addresses;
      if (mysql === undefined) throw new Error('there is no MySQL');
      const size = Math.min(LANES, RUNS - number * LANES);
      await using fleet = await ContinuityFleet.open({ ...given, mysql }, EMULATOR, seed, size);
      await playFleet(fleet, seed);
      count(fleet.events);
      for (const lane of fleet.lanes) {
        count(lane.statements.counts);
        count(lane.events);
      }
    },
    FLEET_MS,
  );

  it('were compared in every warehouse, after kills, purges and statements of many kinds', () => {
    process.stdout.write(
      `seed ${SEED}, ${RUNS} schedules: ${JSON.stringify(tally, undefined, 1)}\n`,
    );
    // A table is looked at after each event: some are stopped or broken, but never nearly all.
    const least = 4 * RUNS;
    expect(tally['tables compared in DuckDB']).toBeGreaterThan(least);
    if (EMULATOR !== undefined) expect(tally['tables compared in BigQuery']).toBeGreaterThan(least);
    expect(tally['rows compared']).toBeGreaterThan(10 * least);
    expect(tally['kill']).toBeGreaterThanOrEqual(fleets.length);
    expect(tally['purge']).toBeGreaterThanOrEqual(fleets.length);
    expect(tally['gap']).toBeGreaterThanOrEqual(RUNS);
    const statements = Object.keys(tally).filter((kind) => /^[A-Z]{3}|^swap|^another/.test(kind));
    expect(statements.length).toBeGreaterThan(12);
  });
});
