import { describe, expect, it } from 'vitest';
import type { Incident } from '../../src/control/incident.ts';
import type { PipelineCommand, SinkCommand } from '../../src/control/messages.ts';
import { initialState, PHASES, reduce, refusalOf } from '../../src/control/pipeline-state.ts';
import {
  initialSinkState,
  reduceSink,
  SINK_PHASES,
  sinkRefusalOf,
} from '../../src/control/sink-state.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

const NOW = Date.UTC(2026, 10, 23);
const spec = aPipelineSpec();
const changed = { ...spec, stream: { ...spec.stream, idleMs: 99 } };

/** What holds a workflow up in GAP and BLOCKED. */
function open(phase: string, id: string): readonly Incident[] {
  if (phase !== 'GAP' && phase !== 'BLOCKED') return [];
  const kind = phase === 'GAP' ? 'gap' : 'blocked';
  return [{ id, kind, code: 'x', message: '', facts: {}, openedAtMs: NOW }];
}

/** Rows are commands, columns are phases: where the command leads, `=` for nowhere, `-` for a refusal. */
function rowsOf(text: string): readonly (readonly string[])[] {
  const lines = text.trim().split('\n');
  return lines.map((line) => line.trim().split(/\s+/));
}

const PIPELINE_COMMANDS: Record<string, PipelineCommand> = {
  pause: { kind: 'pause' },
  resume: { kind: 'resume' },
  applyConfig: { kind: 'applyConfig', spec: changed },
  requestSnapshot: { kind: 'requestSnapshot', tables: [] },
  cancelSnapshot: { kind: 'cancelSnapshot', snapshotId: 'nightly' },
  retry: { kind: 'recover', incidentId: 'open', action: 'retry', tables: [] },
  resnapshot: { kind: 'recover', incidentId: 'open', action: 'resnapshot', tables: [] },
  another: { kind: 'recover', incidentId: 'another', action: 'retry', tables: [] },
  yieldStream: { kind: 'yieldStream' },
  drop: { kind: 'drop', deleteTopics: false },
};

const PIPELINE = rowsOf(`
                 PROVISIONING STREAMING    PAUSED       GAP          BLOCKED      DRAINING DROPPED
 pause           PAUSED       PAUSED       -            -            -            -        -
 resume          -            -            PROVISIONING -            PROVISIONING -        -
 applyConfig     =            PROVISIONING =            =            PROVISIONING -        -
 requestSnapshot =            =            =            -            =            -        -
 cancelSnapshot  =            =            =            =            =            -        -
 retry           -            -            -            PROVISIONING PROVISIONING -        -
 resnapshot      -            -            -            PROVISIONING PROVISIONING -        -
 another         -            -            -            -            -            -        -
 yieldStream     -            =            -            -            -            -        -
 drop            DRAINING     DRAINING     DRAINING     DRAINING     DRAINING     -        -
`);

const SINK_COMMANDS: Record<string, SinkCommand> = {
  pause: { kind: 'pause' },
  resume: { kind: 'resume' },
  applyConfig: { kind: 'applyConfig', spec: changed },
  retry: { kind: 'recover', incidentId: 'open', action: 'retry' },
  answer: { kind: 'recover', incidentId: 'open', action: 'resnapshot' },
  another: { kind: 'recover', incidentId: 'another', action: 'retry' },
  resnapshot: { kind: 'resnapshot' },
  stop: { kind: 'stop' },
};

const SINK = rowsOf(`
             RUNNING PAUSED  GAP     BLOCKED STOPPED
 pause       PAUSED  -       -       -       -
 resume      -       RUNNING -       RUNNING -
 applyConfig =       =       =       RUNNING RUNNING
 retry       -       -       RUNNING RUNNING -
 answer      -       -       RUNNING RUNNING -
 another     -       -       -       -       -
 resnapshot  =       RUNNING RUNNING RUNNING -
 stop        STOPPED STOPPED STOPPED STOPPED =
`);

const cases = ([phases = [], ...rows]: readonly (readonly string[])[]): readonly (readonly [
  string,
  string,
  string,
])[] =>
  rows.flatMap(([command = '', ...ends]) =>
    phases.map((phase, index) => [command, phase, ends[index] ?? ''] as const),
  );

describe('the machine of pipelines', () => {
  it.each(cases(PIPELINE))('command %s in phase %s leads to %s', (name, phase, end) => {
    const from = PHASES.find((known) => known === phase) ?? 'DROPPED';
    const state = { ...initialState(spec, NOW), phase: from, incidents: open(phase, 'open') };
    const command = PIPELINE_COMMANDS[name];
    if (!command) throw new Error(`no command ${name}`);
    const after = reduce(state, command, NOW + 1);
    expect(after.state.phase).toBe(end === '-' || end === '=' ? phase : end);
    if (end === '-') expect(after).toMatchObject({ state, interrupt: false, replies: [] });
    expect(refusalOf(state, command) === undefined).toBe(end !== '-');
  });

  it('refuses in the answer what it refuses in the check, word for word', () => {
    const state = initialState(spec, NOW);
    const resume: PipelineCommand = { kind: 'resume' };
    expect(reduce(state, resume, NOW).answer.message).toBe(refusalOf(state, resume));
  });
});

describe('the machine of sinks', () => {
  it.each(cases(SINK))('command %s in phase %s leads to %s', (name, phase, end) => {
    const from = SINK_PHASES.find((known) => known === phase) ?? 'STOPPED';
    const start = initialSinkState(spec, 'warehouse', NOW);
    const state = { ...start, phase: from, incidents: open(phase, 'open') };
    const command = SINK_COMMANDS[name];
    if (!command) throw new Error(`no command ${name}`);
    const after = reduceSink(state, command, NOW + 1);
    expect(after.state.phase).toBe(end === '-' || end === '=' ? phase : end);
    if (end === '-') expect(after).toMatchObject({ state, interrupt: false, replies: [] });
    expect(sinkRefusalOf(state, command) === undefined).toBe(end !== '-');
  });

  it('says who led to a phase, until something else leads on', () => {
    const paused = reduceSink(
      initialSinkState(spec, 'warehouse', NOW),
      { kind: 'pause', by: 'ana', reason: 'maintenance' },
      NOW,
    ).state;
    expect(paused.because).toEqual({ command: 'pause', by: 'ana', reason: 'maintenance' });
    const gap = { kind: 'gap', code: 'sink.warehouse-lost', message: 'gone', facts: {} } as const;
    expect(reduceSink(paused, gap, NOW).state.because).toBeUndefined();
  });
});
