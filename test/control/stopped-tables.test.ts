import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableName } from '../../src/change/table.ts';
import { pipelineDetails } from '../../src/control/details-text.ts';
import { findOpenIncident } from '../../src/control/incident.ts';
import { parseStoppedTables } from '../../src/control/messages.ts';
import {
  initialState,
  type PipelineEvent,
  type PipelineState,
  reduce,
  refusalOf,
} from '../../src/control/pipeline-state.ts';
import { initialSinkState, reduceSink, type SinkState } from '../../src/control/sink-state.ts';
import {
  MAX_LISTED_STOPS,
  snapshotCommand,
  stoppedTablesOf,
  type TableStop,
} from '../../src/control/stopped-tables.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

const NOW = Date.UTC(2026, 10, 23);
const STREAMING = reduce(initialState(aPipelineSpec(), NOW), { kind: 'provisioned' }, NOW).state;

const stop = (name: string, reason = 'no key'): TableStop => ({
  table: `shop.${name}` as TableName,
  code: 'source.table-without-key',
  reason,
  position: 'binlog.000004:157',
  sinceMs: NOW,
});

const stopped = (names: readonly string[], count = names.length): PipelineEvent => ({
  kind: 'stoppedTables',
  count,
  tables: names.map((name) => stop(name)),
});

const after = (...events: readonly PipelineEvent[]): PipelineState =>
  events.reduce((state, event) => reduce(state, event, NOW).state, STREAMING);

const listed = (state: PipelineState): readonly string[] =>
  stoppedTablesOf(state)?.tables.map(({ table }) => table) ?? [];

describe('a table that stops', () => {
  it('is an incident of its own in a pipeline that goes on streaming', () => {
    const state = after(stopped(['orders']));
    expect(state.phase).toBe('STREAMING');
    expect(state.incidents).toMatchObject([
      {
        id: 'table-2026-11-23-01',
        kind: 'table',
        code: 'source.table-without-key',
        facts: { table: 'shop.orders', position: 'binlog.000004:157' },
      },
    ]);
    expect(findOpenIncident(state.incidents)).toBeUndefined();
    expect(reduce(STREAMING, stopped(['orders']), NOW).interrupt).toBe(false);
  });

  it('keeps its incident while it is stopped, and closes it as returned', () => {
    const state = after(stopped(['orders']), stopped(['orders', 'lines']), stopped(['lines']));
    expect(state.incidents).toMatchObject([
      { id: 'table-2026-11-23-01', closedAtMs: NOW, answer: { action: 'returned' } },
      { id: 'table-2026-11-23-02', facts: { table: 'shop.lines' } },
    ]);
    expect(stoppedTablesOf(state)).toMatchObject({ count: 1, tables: [{ table: 'shop.lines' }] });
    expect(stoppedTablesOf(after(stopped(['orders']), stopped([])))).toBeUndefined();
  });

  it('gets another incident when it stops again', () => {
    const state = after(stopped(['orders']), stopped([]), stopped(['orders']));
    expect(state.incidents.map(({ id }) => id)).toEqual([
      'table-2026-11-23-01',
      'table-2026-11-23-02',
    ]);
  });

  it('leaves the pipeline’s own incident the one that recover answers', () => {
    const gap = { kind: 'gap', code: 'binlog.purged', message: 'purged', facts: {} } as const;
    const state = after(stopped(['orders']), gap, stopped(['orders', 'lines']));
    const answer = { kind: 'recover', incidentId: '*', action: 'retry', tables: [] } as const;
    expect(findOpenIncident(state.incidents)?.kind).toBe('gap');
    const answered = reduce(state, answer, NOW).state;
    expect(answered.phase).toBe('PROVISIONING');
    expect(stoppedTablesOf(answered)?.count).toBe(2);
  });

  it('is not cured by recover, which says what cures it', () => {
    const state = after(stopped(['orders']));
    const recover = { kind: 'recover', action: 'retry', tables: [] } as const;
    expect(refusalOf(state, { ...recover, incidentId: 'table-2026-11-23-01' })).toContain(
      'Incident table-2026-11-23-01 is of table shop.orders alone',
    );
  });

  it('is named after its sink in the workflow of a sink', () => {
    const sink = initialSinkState(aPipelineSpec(), 'warehouse', NOW);
    const event = { kind: 'stoppedTables', count: 1, tables: [stop('orders')] } as const;
    const { state } = reduceSink(sink, event, NOW);
    expect(state).toMatchObject({
      phase: 'RUNNING',
      incidents: [{ id: 'warehouse/table-2026-11-23-01' }],
    });
  });

  it('is shown in the current details with a command to paste', () => {
    const text = pipelineDetails(after(stopped(["o'brien.x"], 481)));
    expect(text).toContain('### 481 tables have stopped, the others go on');
    expect(text).toContain("| shop.o'brien.x | source.table-without-key | no key |");
    expect(text).toContain('and 480 more');
    expect(text).toContain("sluice snapshot shop --tables 'shop.`o'\\''brien.x`'");
  });
});

describe('many stopped tables', () => {
  const names = (count: number): readonly string[] =>
    Array.from({ length: count }, (_, index) => `t${index}`);

  it('are all counted, the newest are listed, and the oldest leave the list first', () => {
    const flood = names(500).map((_, index) => stopped(names(index + 1).slice(-50), index + 1));
    const state = after(...flood);
    expect(stoppedTablesOf(state)?.count).toBe(500);
    expect(listed(state)).toEqual(
      names(500)
        .slice(-MAX_LISTED_STOPS)
        .map((name) => `shop.${name}`),
    );
  });

  it('are not said to have returned while nobody can know', () => {
    const state = after(stopped(names(10)), stopped(names(60).slice(10), 60));
    expect(state.incidents.filter(({ closedAtMs }) => closedAtMs !== undefined)).toEqual([]);
    const returned = after(stopped(names(10)), stopped(names(60).slice(10), 50));
    expect(returned.incidents.filter(({ closedAtMs }) => closedAtMs !== undefined)).toHaveLength(
      10,
    );
  });

  it('keep the state small, whatever stops and returns in whichever order', () => {
    const long = 'x'.repeat(2_000);
    const lists = fc.array(fc.tuple(fc.uniqueArray(fc.nat(40), { maxLength: 50 }), fc.nat(500)), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(lists, (turns) => {
        let state = STREAMING;
        for (const [tables, others] of turns) {
          const stops = tables.map((number) => stop(`t${number}`.padEnd(64, 'y'), long));
          const event = { count: stops.length + others, tables: stops } as const;
          state = reduce(state, { kind: 'stoppedTables', ...event }, NOW).state;
          expect(state.stoppedTables).toBe(event.count);
          expect(JSON.stringify(state.incidents).length).toBeLessThan(5_001);
          expect(listed(state)).toEqual(
            expect.arrayContaining(stops.slice(-5).map(({ table }) => table)),
          );
        }
      }),
    );
  });
});

describe('what is said of stopped tables', () => {
  it.each([
    [{ count: 1, tables: [{ table: 'nodot', code: 'x', reason: '', position: '' }] }],
    [{ count: -1, tables: [] }],
    [{ count: 1, tables: [{ table: 'shop.orders' }] }],
    [{ count: 1 }],
  ])('%j is refused', (payload) => {
    expect(parseStoppedTables(payload).ok).toBe(false);
  });

  it('is never fewer than are listed', () => {
    expect(parseStoppedTables({ count: 0, tables: [stop('orders')] })).toMatchObject({
      ok: true,
      value: { count: 1 },
    });
  });

  it('names a table so that a shell and the parser of patterns give it back', () => {
    expect(snapshotCommand('shop', '`example.com`.a*b' as TableName)).toBe(
      "sluice snapshot shop --tables '`example.com`.`a*b`'",
    );
  });
});

describe('states that were stored before tables had incidents', () => {
  const FOLDER = new URL('../fixtures/histories/', import.meta.url);

  /** What the recorded runs were started with by continue-as-new. */
  function storedStates(): readonly (PipelineState | SinkState)[] {
    const recorded = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
    return recorded.flatMap((name) => {
      const history = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as {
        readonly events: readonly {
          readonly workflowExecutionStartedEventAttributes?: {
            readonly input?: { readonly payloads?: readonly { readonly data: string }[] };
          };
        }[];
      };
      const [start] = history.events;
      const payloads = start?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
      return payloads.flatMap(({ data }) => {
        const input = JSON.parse(Buffer.from(data, 'base64').toString()) as {
          readonly state?: PipelineState | SinkState;
        };
        return input.state ? [input.state] : [];
      });
    });
  }

  it('are taken over as they are', () => {
    const states = storedStates();
    expect(states.length).toBeGreaterThan(0);
    for (const state of states) {
      expect(stoppedTablesOf(state)).toBeUndefined();
      const event = { kind: 'stoppedTables', count: 1, tables: [stop('orders')] } as const;
      const next =
        'sinkName' in state ? reduceSink(state, event, NOW).state : reduce(state, event, NOW).state;
      expect(stoppedTablesOf(next)?.count).toBe(1);
      expect(next.incidents.slice(0, -1)).toEqual(state.incidents);
    }
  });
});
