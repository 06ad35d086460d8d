import { describe, expect, it } from 'vitest';
import type { DestinationState } from '../../src/sink/destination.ts';
import type { SinkRecord } from '../../src/sink/sink-log.ts';
import { decideOpening } from '../../src/sink/warehouse-verdict.ts';
import { internalTopics } from '../../src/topic/topic-name.ts';

const recorded = (
  id: string,
  state: SinkRecord['warehouse']['state'],
  renewal?: string,
): SinkRecord => ({
  v: 1,
  warehouse: { id, state },
  ...(renewal === undefined ? {} : { renewal }),
});
const empty = (warehouseId: string): DestinationState => ({
  warehouseId,
  offsets: [],
  cut: undefined,
});
const filled = (warehouseId: string): DestinationState => ({
  ...empty(warehouseId),
  offsets: [{ topic: internalTopics('p').control, partition: 0, offset: 7 }],
});

type Case = readonly [
  what: string,
  record: SinkRecord | undefined,
  found: DestinationState | undefined,
  renewal: string | undefined,
  expected: object,
];

const NEW = { kind: 'create', anew: false };
const ANEW = { kind: 'create', anew: true };

describe('the warehouse a sink opens', () => {
  it.each<Case>([
    ['made by a sink that never ran', undefined, undefined, undefined, NEW],
    ['made again after a death before', recorded('a', 'preparing'), undefined, undefined, NEW],
    [
      'confirmed after a death behind',
      recorded('a', 'preparing'),
      empty('a'),
      undefined,
      { kind: 'confirm' },
    ],
    ['taken over when it holds nothing', undefined, empty('a'), undefined, { kind: 'confirm' }],
    ['the one it has filled', recorded('a', 'ready'), filled('a'), undefined, { kind: 'use' }],
    [
      'the one it would have filled',
      recorded('a', 'ready'),
      empty('a'),
      undefined,
      { kind: 'use' },
    ],
    ['made anew in place of a lost one', recorded('a', 'ready'), undefined, 'c', ANEW],
    ['made anew in place of another', recorded('a', 'ready'), filled('b'), 'c', ANEW],
    ['made anew in place of its own', recorded('a', 'ready'), filled('a'), 'c', ANEW],
    ['made anew in place of an unknown one', undefined, filled('b'), 'c', ANEW],
    ['made anew for every command', recorded('a', 'ready', 'c'), filled('a'), 'd', ANEW],
    [
      'made anew for a command once',
      recorded('a', 'ready', 'c'),
      filled('a'),
      'c',
      { kind: 'use' },
    ],
    [
      'made anew again after a death before',
      recorded('a', 'preparing', 'c'),
      filled('b'),
      'c',
      ANEW,
    ],
    [
      'made anew again by whoever comes next',
      recorded('a', 'preparing', 'c'),
      filled('b'),
      undefined,
      ANEW,
    ],
    [
      'confirmed after a death behind making it anew',
      recorded('a', 'preparing', 'c'),
      filled('a'),
      'c',
      { kind: 'confirm' },
    ],
  ])('is %s', (_what, record, found, renewal, expected) => {
    expect(decideOpening(record, found, renewal)).toMatchObject(expected);
  });

  it.each<Case>([
    ['is gone', recorded('a', 'ready'), undefined, undefined, { code: 'sink.warehouse-lost' }],
    [
      'is another one',
      recorded('a', 'ready'),
      filled('b'),
      undefined,
      { code: 'sink.warehouse-lost' },
    ],
    [
      'is another, empty one',
      recorded('a', 'ready'),
      empty('b'),
      undefined,
      { code: 'sink.warehouse-lost' },
    ],
    [
      'is gone since it was made anew',
      recorded('a', 'ready', 'c'),
      undefined,
      'c',
      { code: 'sink.warehouse-lost' },
    ],
    [
      'is filled and on no record',
      undefined,
      filled('b'),
      undefined,
      { code: 'sink.warehouse-unknown' },
    ],
    [
      'came in between',
      recorded('a', 'preparing'),
      filled('b'),
      undefined,
      { code: 'sink.warehouse-unknown' },
    ],
  ])('is refused when it %s', (_what, record, found, renewal, expected) => {
    expect(() => decideOpening(record, found, renewal)).toThrow(expect.objectContaining(expected));
  });
});
