import { describe, expect, it } from 'vitest';
import {
  findOpenIncident,
  type Incident,
  MAX_INCIDENTS,
  newIncident,
  withAnswered,
  withinBounds,
} from '../../src/control/incident.ts';

const NOW = Date.UTC(2026, 10, 23, 2);
const VERDICT = { kind: 'gap', code: 'binlog.purged', message: 'purged', facts: {} } as const;

function afterIncidents(count: number, message = 'purged'): readonly Incident[] {
  let incidents: readonly Incident[] = [];
  for (let ordinal = 1; ordinal <= count; ordinal++) {
    incidents = withinBounds([...incidents, newIncident({ ...VERDICT, message }, ordinal, NOW)]);
    incidents = withAnswered(incidents, { action: 'retry' }, NOW);
  }
  return incidents;
}

describe('incidents', () => {
  it('are named by kind, day and number, behind the name of their sink', () => {
    expect(newIncident(VERDICT, 1, NOW).id).toBe('gap-2026-11-23-01');
    expect(newIncident(VERDICT, 12, NOW, 'lake/').id).toBe('lake/gap-2026-11-23-12');
  });

  it('are open until they are answered, and keep the answer', () => {
    const opened = [newIncident(VERDICT, 1, NOW)];
    expect(findOpenIncident(opened)?.code).toBe('binlog.purged');
    const [closed] = withAnswered(opened, { action: 'retry', by: 'ana' }, NOW + 1);
    expect(closed).toMatchObject({ closedAtMs: NOW + 1, answer: { action: 'retry', by: 'ana' } });
    expect(findOpenIncident(withAnswered(opened, { action: 'retry' }, NOW))).toBeUndefined();
  });

  it('stay few: the oldest give way, never the newest', () => {
    const incidents = afterIncidents(MAX_INCIDENTS + 5);
    expect(incidents).toHaveLength(MAX_INCIDENTS);
    expect(incidents.at(-1)?.id).toBe('gap-2026-11-23-25');
  });

  it('stay small, whatever a failure has to say', () => {
    const long = 'x'.repeat(100_000);
    const facts = Object.fromEntries(Array.from({ length: 50 }, (_, fact) => [`f${fact}`, long]));
    const incidents = withinBounds([
      ...afterIncidents(MAX_INCIDENTS, long),
      newIncident({ ...VERDICT, message: long, facts }, 99, NOW),
    ]);
    expect(JSON.stringify(incidents).length).toBeLessThanOrEqual(5_000);
    expect(findOpenIncident(incidents)?.message).toMatch(/^x{1499}…$/);
  });

  it('of tables give way to one another, and never to or for the one that holds the workflow up', () => {
    const stop = (ordinal: number): Incident =>
      newIncident(
        { kind: 'table', code: 'x', message: 'x'.repeat(200), facts: { table: `s.t${ordinal}` } },
        ordinal,
        NOW,
      );
    const gap = newIncident({ ...VERDICT, message: 'x'.repeat(1_500) }, 1, NOW);
    const stops = Array.from({ length: 60 }, (_, index) => stop(index + 2));
    const incidents = withinBounds([gap, ...stops]);
    expect(findOpenIncident(incidents)).toBe(gap);
    expect(incidents.at(-1)).toBe(stops.at(-1));
    expect(incidents.length).toBeLessThanOrEqual(MAX_INCIDENTS + 1);
    expect(JSON.stringify(incidents).length).toBeLessThanOrEqual(10_000);
  });
});
