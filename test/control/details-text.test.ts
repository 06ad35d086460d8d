import { describe, expect, it } from 'vitest';
import { pipelineDetails, sinkDetails } from '../../src/control/details-text.ts';
import { initialState, reduce } from '../../src/control/pipeline-state.ts';
import { withRefusal } from '../../src/control/refusal.ts';
import { initialSinkState, reduceSink } from '../../src/control/sink-state.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

const NOW = Date.UTC(2026, 10, 23, 2);
const START = initialState(aPipelineSpec(), NOW);

describe('the current details of a workflow', () => {
  it('tell cause, last position, the server’s oldest, and commands that only need pasting', () => {
    const facts = { lastPosition: 'binlog.000004:157', serverOldestFile: 'binlog.000007' };
    const gap = { kind: 'gap', code: 'binlog.purged', message: 'Gone.', facts } as const;
    const text = pipelineDetails(reduce(START, gap, NOW).state);
    expect(text.split('\n')).toEqual(
      expect.arrayContaining([
        '**GAP** since 2026-11-23T02:00:00.000Z',
        '### Incident gap-2026-11-23-01: binlog.purged',
        '| lastPosition | binlog.000004:157 |',
        '| serverOldestFile | binlog.000007 |',
        'sluice recover shop --incident gap-2026-11-23-01 --action resnapshot',
        `temporal workflow signal -w cdc/shop --name recover --input '{"incidentId":"gap-2026-11-23-01","action":"retry","by":"your-name","reason":"why"}'`,
      ]) as unknown,
    );
  });

  it('tell who paused, why, and how to go on', () => {
    const pause = { kind: 'pause', by: 'ana', reason: 'maintenance' } as const;
    const text = pipelineDetails(reduce(START, pause, NOW).state);
    expect(text).toContain('**PAUSED** since 2026-11-23T02:00:00.000Z, pause by ana: maintenance');
    expect(text).toContain('`sluice resume shop`');
  });

  it('show a signal that was refused, because nobody else was told', () => {
    expect(pipelineDetails(withRefusal(START, 'recover: no incident', NOW))).toContain(
      'Signal refused at 2026-11-23T02:00:00.000Z: recover: no incident',
    );
  });

  it('send the answer for a sink’s incident to the sink', () => {
    const sink = initialSinkState(aPipelineSpec(), 'warehouse', NOW);
    const gap = { kind: 'gap', code: 'sink.warehouse-lost', message: 'Gone.', facts: {} } as const;
    const text = sinkDetails(reduceSink(sink, gap, NOW).state);
    expect(text).toContain(
      'sluice recover shop --incident warehouse/gap-2026-11-23-01 --action retry',
    );
    expect(text).toContain('temporal workflow signal -w cdc/shop/sink/warehouse --name recover');
    expect(text).toContain(
      'sluice recover shop --incident warehouse/gap-2026-11-23-01 --action resnapshot',
    );
  });

  it('say which snapshot a sink asks for, and why it was put off', () => {
    const snapshotId = 'sink-w1';
    const done = { outcome: 'deferred', snapshotId, reason: 'The pipeline is PAUSED.' } as const;
    const events = [
      { kind: 'snapshotNeeded', snapshotId },
      { kind: 'snapshotDone', done },
    ] as const;
    const sink = events.reduce(
      (state, event) => reduceSink(state, event, NOW).state,
      initialSinkState(aPipelineSpec(), 'warehouse', NOW),
    );
    expect(sinkDetails(sink)).toContain('sink-w1, which was put off: The pipeline is PAUSED.');
  });
});
