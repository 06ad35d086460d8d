import { describe, expect, it } from 'vitest';
import { OpenXa, readXa } from '../../src/capture/open-xa.ts';
import type { TableName } from '../../src/change/table.ts';

const A = 'shop.a' as TableName;
const B = 'shop.b' as TableName;

describe('an open XA transaction', () => {
  it('that is prepared and then ended gives back the tables it had touched, each time its own', () => {
    const xa = new OpenXa(new Map());
    xa.begin("X'01'");
    xa.touch(A);
    xa.prepare();
    xa.begin("X'02'");
    xa.touch(B);
    xa.prepare();
    expect(xa.isInside).toBe(false);
    expect(xa.end("X'01'")).toEqual([A]);
    expect(xa.end("X'02'")).toEqual([B]);
  });

  it('that is committed in one phase gives back its tables without having been prepared', () => {
    const xa = new OpenXa(new Map());
    xa.begin("X'01'");
    xa.touch(A);
    expect(xa.endOpen()).toEqual([A]);
    expect(xa.isInside).toBe(false);
    expect(xa.takeChanged()).toBeUndefined();
    xa.begin("X'02'");
    xa.touch(B);
    expect(xa.end("X'02'")).toEqual([B]);
    expect(xa.isInside).toBe(false);
  });

  it('is on record from its preparation to its end, and so survives a restart', () => {
    const xa = new OpenXa(new Map());
    xa.begin("X'01'");
    xa.touch(A);
    expect(xa.takeChanged()).toBeUndefined();
    xa.prepare();
    const recorded = new Map(xa.takeChanged());
    expect(recorded).toEqual(new Map([["X'01'", [A]]]));
    const restarted = new OpenXa(recorded);
    expect(restarted.end("X'01'")).toEqual([A]);
    expect(restarted.takeChanged()).toEqual(new Map());
  });

  it('that was prepared before the pipeline began to read has tables that nobody knows', () => {
    expect(new OpenXa(new Map()).end("X'07'")).toBeUndefined();
  });
});

it.each([
  ["XA START X'31',X'',1", 'start', "X'31',X'',1"],
  ["XA END X'31',X'',1", 'end', "X'31',X'',1"],
  ["XA PREPARE X'31',X'',1", 'prepare', "X'31',X'',1"],
  ["XA COMMIT X'31',X'',1", 'commit', "X'31',X'',1"],
  ["XA COMMIT X'31',X'',1 ONE PHASE", 'commit', "X'31',X'',1"],
  ["xa rollback X'31',X'',1", 'rollback', "X'31',X'',1"],
])('%s is read as %s of its transaction', (sql, verb, xid) => {
  expect(readXa(sql)).toEqual({ verb, xid });
});

it.each(['XA RECOVER', 'XAVIER', 'SELECT 1'])('%s is no step of an XA transaction', (sql) => {
  expect(readXa(sql)).toBeUndefined();
});
