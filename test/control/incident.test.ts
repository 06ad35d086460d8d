import { describe, expect, it } from 'vitest';
import {
  findOpenIncident,
  type Incident,
  MAX_INCIDENTS,
  withAnswered,
  withOpened,
} from '../../src/control/incident.ts';

const NOW = Date.UTC(2026, 10, 23, 2);
const VERDICT = { kind: 'gap', code: 'binlog.purged', message: 'purged', facts: {} } as const;

function afterIncidents(count: number, message = 'purged'): readonly Incident[] {
  let incidents: readonly Incident[] = [];
  for (let ordinal = 1; ordinal <= count; ordinal++) {
    incidents = withOpened(incidents, { ...VERDICT, message }, ordinal, NOW);
    incidents = withAnswered(incidents, { action: 'retry' }, NOW);
  }
  return incidents;
}

describe('incidents', () => {
  it('are named by kind, day and number, behind the name of their sink', () => {
    expect(withOpened([], VERDICT, 1, NOW)[0]?.id).toBe('gap-2026-11-23-01');
    expect(withOpened([], VERDICT, 12, NOW, 'lake/')[0]?.id).toBe('lake/gap-2026-11-23-12');
  });

  it('are open until they are answered, and keep the answer', () => {
    const opened = withOpened([], VERDICT, 1, NOW);
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
    const incidents = withOpened(
      afterIncidents(MAX_INCIDENTS, long),
      { ...VERDICT, message: long, facts },
      99,
      NOW,
    );
    expect(JSON.stringify(incidents).length).toBeLessThanOrEqual(5_000);
    expect(findOpenIncident(incidents)?.message).toMatch(/^x{1499}…$/);
  });
});
