import { describe, expect, it } from 'vitest';
import { initialState, type PipelineEvent, reduce } from '../../src/control/pipeline-state.ts';
import { stateChanges } from '../../src/control/state-changes.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

const NOW = Date.UTC(2026, 10, 23);
const GAP: PipelineEvent = { kind: 'gap', code: 'binlog.purged', message: 'Gone.', facts: {} };
const FAILING: PipelineEvent = {
  kind: 'failing',
  code: 'kafka.unreachable',
  message: 'No broker.',
  place: '',
  sinceMs: NOW,
  failures: 3,
};

/** What is told of each event, one after another. */
function tell(...events: readonly PipelineEvent[]): readonly string[] {
  let state = initialState(aPipelineSpec(), NOW);
  return events.flatMap((event) => {
    const before = state;
    state = reduce(state, event, NOW).state;
    const changes = stateChanges('pipeline shop', before, state);
    return changes.map(({ level, text }) => `${level}: ${text}`);
  });
}

describe('changes of a state', () => {
  it('are told once each, with who asked for them', () => {
    expect(
      tell(
        { kind: 'provisioned' },
        { kind: 'pause', by: 'ana', reason: 'maintenance' },
        GAP,
        { ...GAP, message: 'Again.' },
        { kind: 'recover', incidentId: 'gap-2026-11-23-01', action: 'retry', tables: [] },
      ),
    ).toEqual([
      'info: pipeline shop is STREAMING now',
      'info: pipeline shop is PAUSED now: pause by ana (maintenance)',
      'error: pipeline shop is GAP now',
      'error: pipeline shop: incident gap-2026-11-23-01 is open: binlog.purged: Gone.',
      'info: pipeline shop: incident gap-2026-11-23-01 is closed: retry',
      'info: pipeline shop is PROVISIONING now: recover',
    ]);
  });

  it('warn of work that fails and is tried again, and say when it works', () => {
    const [failing, again, works, ...more] = tell(
      FAILING,
      { ...FAILING, failures: 4 },
      { ...FAILING, code: 'kafka.refused' },
      { kind: 'working' },
    );
    expect(failing).toContain('warn: pipeline shop: incident failing-2026-11-23-01 is open: kafka');
    expect(again).toContain('kafka.refused');
    expect(works).toBe(
      'info: pipeline shop: incident failing-2026-11-23-01 is closed: works again',
    );
    expect(more).toEqual([]);
  });

  it('leave out what changes nothing for a person', () => {
    expect(tell({ kind: 'captureStarted', epoch: 1, commandIds: [], finished: [] })).toEqual([]);
  });
});
