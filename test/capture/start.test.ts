import { describe, expect, it } from 'vitest';
import type { TableState } from '../../src/capture/ledger.ts';
import type { ServerHistory, Sight } from '../../src/capture/source-server.ts';
import { decideStart, type TableFacts, tableStep } from '../../src/capture/start.ts';
import type { Checkpoint } from '../../src/change/checkpoint.ts';
import type { GtidSetText } from '../../src/change/gtid.ts';
import { DEFAULT_ROW_SETTINGS, type RowSettings } from '../../src/change/row-settings.ts';
import type { Sequence } from '../../src/change/sequence.ts';
import type { StreamCommand } from '../../src/control/stream-command.ts';
import type { ErrorCode } from '../../src/errors/catalogue.ts';

const UUID = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const set = (text: string): GtidSetText => (text === '' ? '' : `${UUID}:${text}`) as GtidSetText;

const server = (executed: string, purged = ''): ServerHistory => ({
  serverUuid: UUID,
  version: '9.7.0',
  gtidExecuted: set(executed),
  gtidPurged: set(purged),
  binlogEnd: { file: 'binlog.000009', pos: 4 },
  oldestFile: 'binlog.000003',
  ignoresNameCase: false,
});

const checkpoint = (read: string, epoch = 1): Checkpoint => ({
  v: 1,
  owner: 'default/cdc/shop',
  epoch,
  serverUuid: UUID,
  gtidSet: set(read),
  file: 'binlog.000005',
  pos: 100,
  commitOrdinal: 7,
  committedAtUs: 1,
  writtenAtMs: 1,
  appliedCommands: ['done'],
});

const NEVER_RAN = { hasCommitted: false, epoch: 0 };
const RAN = { hasCommitted: true, epoch: 1 };
const resnapshot = (commandId: string): StreamCommand => ({
  kind: 'resnapshot',
  commandId,
  tables: [],
});

describe('a start of the stream', () => {
  it.each([
    [
      'that never ran begins at the present position',
      undefined,
      server('1-9'),
      NEVER_RAN,
      [],
      'fresh',
    ],
    ['continues after its checkpoint', checkpoint('1-5'), server('1-9', '1-5'), RAN, [], 'resume'],
    [
      'continues where nothing has happened since',
      checkpoint('1-9'),
      server('1-9', '1-2'),
      RAN,
      [],
      'resume',
    ],
    [
      'reopens when it was told to',
      checkpoint('1-5'),
      server('1-9', '1-8'),
      RAN,
      [resnapshot('new')],
      'reopen',
    ],
    [
      'reopens without a checkpoint when it was told to',
      undefined,
      server('1-9'),
      RAN,
      [resnapshot('new')],
      'reopen',
    ],
    [
      'does not reopen again for a command that it has applied',
      checkpoint('1-5'),
      server('1-9'),
      RAN,
      [resnapshot('done')],
      'resume',
    ],
  ] as const)('%s', (_, stored, history, tripwire, commands, kind) => {
    expect(decideStart(stored, history, tripwire, commands).kind).toBe(kind);
  });

  it.each([
    [
      'whose next transaction is purged is a gap',
      checkpoint('1-5'),
      server('1-9', '1-6'),
      RAN,
      'binlog.purged',
    ],
    [
      'that has read what the server does not know is a gap',
      checkpoint('1-9'),
      server('1-5'),
      RAN,
      'binlog.diverged',
    ],
    [
      'without its checkpoint is a gap once it has run',
      undefined,
      server('1-9'),
      RAN,
      'position.lost',
    ],
    [
      'with a checkpoint of an older epoch is a gap',
      checkpoint('1-5'),
      server('1-9'),
      { hasCommitted: true, epoch: 2 },
      'position.lost',
    ],
    [
      'tries again after a command that it has applied, and finds the gap',
      checkpoint('1-5'),
      server('1-9', '1-6'),
      RAN,
      'binlog.purged',
    ],
  ] as const)('%s', (_, stored, history, tripwire, code) => {
    expect(() =>
      decideStart(stored, history, tripwire, stored ? [resnapshot('done')] : []),
    ).toThrow(expect.objectContaining({ code }));
  });
});

const since = '00000001/0000000000000001/00000000' as Sequence;
const id = { database: 'shop', table: 'orders' };
const sight = (key: readonly number[]): Sight => ({
  kind: 'readable',
  table: {
    schema: {
      id,
      columns: [
        { name: 'id', type: { kind: 'integer', bytes: 4, unsigned: false }, nullable: false },
      ],
      key,
    },
    comments: { columns: {} },
    estimatedRows: 0,
  },
});
const READABLE = sight([0]);
const KEYLESS = sight([]);
const HIDDEN: Sight = { kind: 'hidden' };
const UNKNOWN_TYPE: Sight = { kind: 'unreadable', code: 'table.unknown-type', reason: 'a type' };
const FOLLOWED: TableState = { kind: 'followed', since };
const EXCLUDED: TableState = { kind: 'excluded', since };
const GONE: TableState = { kind: 'gone', since };
const stopped = (
  kind: 'stopped' | 'invisible',
  code: Extract<TableState, { kind: 'stopped' | 'invisible' }>['code'],
  sinceMs = 0,
): TableState => ({ kind, since, code, reason: 'r', position: 'f:1', sinceMs });
const NOW_MS = 3_600_000;

describe('a table at the start of an attempt', () => {
  it.each<readonly [string, Partial<TableFacts>, unknown]>([
    ['that nobody has met is copied', {}, { kind: 'follow', missing: 'gap' }],
    ['that is followed goes on', { state: FOLLOWED }, { kind: 'keep' }],
    [
      'that is not wanted any more is excluded',
      { state: FOLLOWED, captured: false },
      { kind: 'exclude' },
    ],
    [
      'that has stopped and is not wanted any more is excluded',
      { state: stopped('stopped', 'table.no-key'), captured: false },
      { kind: 'exclude' },
    ],
    ['that was never wanted is left alone', { captured: false }, { kind: 'keep' }],
    [
      'that was excluded already is left alone',
      { state: EXCLUDED, captured: false },
      { kind: 'keep' },
    ],
    [
      'that is wanted again is copied',
      { state: EXCLUDED },
      { kind: 'follow', missing: 'excluded' },
    ],
    [
      'that may be read again is copied',
      { state: stopped('invisible', 'mysql.grant-missing') },
      { kind: 'follow', missing: 'invisible' },
    ],
    [
      'that has got a key is copied',
      { state: stopped('stopped', 'table.no-key') },
      { kind: 'follow', missing: 'stopped' },
    ],
    [
      'that still has no key stays stopped',
      { state: stopped('stopped', 'table.no-key'), sight: KEYLESS },
      { kind: 'stop' },
    ],
    [
      'whose rows could not be decoded waits for a person',
      { state: stopped('stopped', 'binlog.unsupported') },
      { kind: 'keep' },
    ],
    [
      'whose copy has failed a moment ago waits',
      { state: stopped('stopped', 'mysql.query-failed', NOW_MS - 1000) },
      { kind: 'keep' },
    ],
    [
      'whose copy has failed long ago is tried again',
      { state: stopped('stopped', 'mysql.query-failed') },
      { kind: 'follow', missing: 'stopped' },
    ],
    ['without a key is stopped', { sight: KEYLESS }, { kind: 'stop' }],
    ['that has lost its key is stopped', { state: FOLLOWED, sight: KEYLESS }, { kind: 'stop' }],
    ['with a column of an unknown type is stopped', { sight: UNKNOWN_TYPE }, { kind: 'stop' }],
    ['that may not be read is hidden', { sight: HIDDEN }, { kind: 'hide' }],
    [
      'that may not be read any more is hidden',
      { state: FOLLOWED, sight: HIDDEN },
      { kind: 'hide' },
    ],
    [
      'that is followed and not listed is looked at again',
      { state: FOLLOWED, sight: undefined },
      { kind: 'lookAgain' },
    ],
    [
      'that is gone and not listed is left alone',
      { state: GONE, sight: undefined },
      { kind: 'keep' },
    ],
    ['that is there again is copied', { state: GONE }, { kind: 'follow', missing: 'gap' }],
    [
      'that an earlier version has written is taken over',
      { wasWritten: true },
      { kind: 'takeOver' },
    ],
    [
      'that an earlier version could not copy for the dot in its database is copied',
      { id: { database: 'example.com', table: 'users' }, wasWritten: true },
      { kind: 'follow', missing: 'gap' },
    ],
  ])('%s', (_, facts, step) => {
    const all = { id, state: undefined, captured: true, sight: READABLE, wasWritten: false };
    expect(tableStep({ ...all, ...facts }, NOW_MS, DEFAULT_ROW_SETTINGS)).toMatchObject(
      step as object,
    );
  });

  const replacing: RowSettings = { invalidText: 'replace', beforeImage: 'full' };
  const withKey: RowSettings = { invalidText: 'stop', beforeImage: 'key' };

  it.each<readonly [string, ErrorCode, RowSettings | undefined, RowSettings, 'follow' | 'keep']>([
    ['by an earlier version', 'binlog.unsupported', undefined, replacing, 'follow'],
    ['by an earlier version', 'kafka.record-too-large', undefined, withKey, 'follow'],
    ['under these settings', 'binlog.unsupported', replacing, replacing, 'keep'],
    ['under another before image', 'binlog.unsupported', undefined, withKey, 'keep'],
    ['under another rule for texts', 'kafka.record-too-large', undefined, replacing, 'follow'],
    ['under these settings', 'kafka.record-too-large', withKey, withKey, 'keep'],
    [
      'under another rule for texts',
      'binlog.unsupported',
      replacing,
      DEFAULT_ROW_SETTINGS,
      'follow',
    ],
    ['under another rule for texts', 'binlog.metadata-missing', undefined, replacing, 'keep'],
  ])('that was stopped %s by %s (under %o, now %o) is to %s', (_, code, rows, settings, kind) => {
    const state = { ...stopped('stopped', code), ...(rows ? { rows } : {}) };
    const facts = { id, state, captured: true, sight: READABLE, wasWritten: false };
    expect(tableStep(facts, NOW_MS, settings).kind).toBe(kind);
  });
});
