import { describe, expect, it } from 'vitest';
import { type CommandKind, parseCommand } from '../../src/control/messages.ts';

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
  ['cancelSnapshot', {}, /snapshotId/],
  ['applyConfig', {}, /sluice apply FILE/],
  ['pause', [1], /JSON object/],
  ['pause', { by: 7 }, /"by"/],
];

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
