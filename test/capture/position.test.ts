import { describe, expect, it } from 'vitest';
import { type PositionStart, StreamPosition } from '../../src/capture/position.ts';
import type { Gtid, GtidSetText } from '../../src/change/gtid.ts';
import { formatGtidSet, parseGtidSet } from '../../src/change/gtid-set.ts';

const SOURCE = '00000000-0000-0000-0000-000000000001';
const GIB = 2 ** 30;

function positionAt(start: Partial<PositionStart> = {}): StreamPosition {
  return new StreamPosition({
    gtidSet: '' as GtidSetText,
    commitOrdinal: 0,
    committedAtUs: 0,
    open: undefined,
    file: 'binlog.000007',
    pos: 4,
    ...start,
  });
}

describe('the position in a file of the log', () => {
  it.each([
    ['within the first 4 GiB', 100, 200, 200],
    ['beyond 4 GiB', 5 * GIB, GIB + 7, 5 * GIB + 7],
    ['over the edge of 4 GiB', 4 * GIB - 10, 20, 4 * GIB + 20],
    ['and stays behind an event that is repeated', 5 * GIB + 7, GIB, 5 * GIB + 7],
  ])('moves by the low 32 bits of an event %s', (_, pos, logPos, expected) => {
    const position = positionAt({ pos });
    position.advance(logPos);
    expect(position.place).toEqual({ file: 'binlog.000007', pos: expected });
  });

  it.each([
    ['keeps its high bits by a heartbeat that has the low ones only', 5 * GIB, GIB, false, 5 * GIB],
    ['moves by the low bits of a heartbeat', 5 * GIB, GIB + 9, false, 5 * GIB + 9],
    ['crosses 4 GiB by the low bits of a heartbeat', 4 * GIB - 10, 20, false, 4 * GIB + 20],
    ['moves to where a heartbeat with all bits is', 100, 5 * GIB, true, 5 * GIB],
  ])('%s', (_, pos, said, isWhole, expected) => {
    const position = positionAt({ pos });
    position.stand({ file: 'binlog.000007', pos: said, isWhole });
    expect(position.place).toEqual({ file: 'binlog.000007', pos: expected });
  });

  it('goes to the file that a heartbeat names', () => {
    const position = positionAt({ pos: 5 * GIB });
    position.stand({ file: 'binlog.000008', pos: 300, isWhole: false });
    expect(position.place).toEqual({ file: 'binlog.000008', pos: 300 });
  });
});

describe('what the stream has read', () => {
  it('has a transaction once that is complete', () => {
    const position = positionAt({ gtidSet: `${SOURCE}:1-3` as GtidSetText });
    const gtid = `${SOURCE}:4` as Gtid;
    const wanted = parseGtidSet(`${SOURCE}:2-5`);
    position.begin(gtid, 1);
    expect(position.hasRead(gtid)).toBe(false);
    expect(formatGtidSet(position.unread(wanted))).toBe(`${SOURCE}:4-5`);
    position.commit();
    expect(position.hasRead(gtid)).toBe(true);
    expect(formatGtidSet(position.unread(wanted))).toBe(`${SOURCE}:5`);
  });
});
