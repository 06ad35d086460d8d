import { describe, expect, it } from 'vitest';
import {
  type CommandKind,
  parseCommand,
  parseSinkCommand,
  parseSnapshotDone,
} from '../../src/control/messages.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

const REFUSED: readonly (readonly [kind: CommandKind, payload: unknown, message: RegExp])[] = [
  ['recover', {}, /incidentId/],
  ['recover', { incidentId: 'x' }, /retry or resnapshot/],
  [
    'recover',
    { incidentId: 'x', action: 'reconcile' },
    /not in this version.*retry and resnapshot/,
  ],
  ['recover', { incidentId: 'x', action: 'skipGtids' }, /not in this version/],
  ['recover', { incidentId: 'x', action: 'guess' }, /retry or resnapshot/],
  ['requestSnapshot', { tables: 'shop.orders' }, /list of "database.table"/],
  ['requestSnapshot', { tables: ['orders'] }, /list of "database.table"/],
  ['requestSnapshot', { tables: ['`shop.orders'] }, /list of "database.table"/],
  ['requestSnapshot', { tables: ['@cascading'] }, /list of "database.table"/],
  ['cancelSnapshot', {}, /snapshotId/],
  ['applyConfig', {}, /sluice apply FILE/],
  ...['source', 'kafka', 'sinks', 'snapshot', 'stream'].map(
    (part) =>
      [
        'applyConfig',
        { spec: { ...aPipelineSpec(), [part]: undefined } },
        /sluice apply FILE/,
      ] as const,
  ),
  ['applyConfig', { spec: aPipelineSpec(), unplaced: 'warehouse' }, /list of sinks/],
  ['pause', [1], /JSON object/],
  ['pause', { by: 7 }, /"by"/],
];

describe('parseCommand', () => {
  it('takes patterns in backticks, and the child tables of cascading keys', () => {
    const tables = ['`example.com`.*', 'shop.orders', '@cascades'];
    expect(parseCommand('requestSnapshot', { tables })).toMatchObject({
      ok: true,
      value: { tables },
    });
  });
});

describe('parseSinkCommand', () => {
  it('takes retry and resnapshot, and retry when none is said', () => {
    for (const [said, action] of [
      [{}, 'retry'],
      [{ action: 'retry' }, 'retry'],
      [{ action: 'resnapshot' }, 'resnapshot'],
    ] as const)
      expect(parseSinkCommand('recover', { incidentId: 'w/gap-1', ...said })).toEqual({
        ok: true,
        value: { kind: 'recover', incidentId: 'w/gap-1', action },
      });
  });

  it.each([
    [{ incidentId: 'x', action: 'reconcile' }, /not in this version/],
    [{ incidentId: 'x', action: 'resnapshot', tables: ['shop.orders'] }, /takes every table/],
  ])('refuses to recover with %j', (payload, message) => {
    const parsed = parseSinkCommand('recover', payload);
    expect(parsed.ok ? '' : parsed.message).toMatch(message);
  });
});

describe('parseSnapshotDone', () => {
  it.each([
    { outcome: 'finished', snapshotId: 's', tables: 1, rows: 2 },
    { outcome: 'deferred', snapshotId: 's', reason: 'PAUSED' },
    { outcome: 'cancelled', snapshotId: 's', reason: 'by hand' },
  ])('takes %j', (payload) => {
    expect(parseSnapshotDone({ ...payload, extra: 1 })).toEqual({ ok: true, value: payload });
  });

  it.each([
    undefined,
    {},
    { outcome: 'finished', snapshotId: 's' },
    { outcome: 'x', snapshotId: 's' },
  ])('refuses %j', (payload) => {
    expect(parseSnapshotDone(payload).ok).toBe(false);
  });
});

describe('parseCommand', () => {
  it.each(REFUSED)('refuses %s %j with what is wrong', (kind, payload, message) => {
    const parsed = parseCommand(kind, payload);
    expect(parsed.ok ? '' : parsed.message).toMatch(message);
  });

  it('takes a signal without a payload as an empty one', () => {
    expect(parseCommand('pause', undefined)).toEqual({ ok: true, value: { kind: 'pause' } });
  });

  it('keeps the fields of the command and nothing else', () => {
    const payload = { incidentId: 'gap-1', action: 'retry', by: 'ana', password: 'secret' };
    expect(parseCommand('recover', payload)).toEqual({
      ok: true,
      value: { kind: 'recover', incidentId: 'gap-1', action: 'retry', tables: [], by: 'ana' },
    });
  });
});
