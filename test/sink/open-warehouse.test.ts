import { describe, expect, it } from 'vitest';
import type { DestinationState } from '../../src/sink/destination.ts';
import { decideOpening, openWarehouse } from '../../src/sink/open-warehouse.ts';
import type { SinkRecord } from '../../src/sink/sink-log.ts';
import { internalTopics } from '../../src/topic/topic-name.ts';
import { MemorySinkLog } from './memory-sink-log.ts';
import { MemoryWarehouse } from './memory-warehouse.ts';

const recorded = (id: string, state: SinkRecord['warehouse']['state']): SinkRecord => ({
  v: 1,
  warehouse: { id, state },
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

describe('the warehouse a sink opens', () => {
  it.each<[string, SinkRecord | undefined, DestinationState | undefined, string]>([
    ['made by a sink that never ran', undefined, undefined, 'create'],
    [
      'made again when the last attempt died first',
      recorded('a', 'preparing'),
      undefined,
      'create',
    ],
    [
      'confirmed when the last attempt died after',
      recorded('a', 'preparing'),
      empty('a'),
      'confirm',
    ],
    ['taken over when it holds nothing', undefined, empty('a'), 'confirm'],
    ['the one it has filled', recorded('a', 'ready'), filled('a'), 'use'],
    ['the one it would have filled', recorded('a', 'ready'), empty('a'), 'use'],
  ])('is %s', (_what, record, found, kind) => {
    expect(decideOpening(record, found).kind).toBe(kind);
  });

  it.each<[string, SinkRecord | undefined, DestinationState | undefined, string]>([
    ['is gone', recorded('a', 'ready'), undefined, 'sink.warehouse-lost'],
    ['is another one', recorded('a', 'ready'), filled('b'), 'sink.warehouse-lost'],
    ['is another, empty one', recorded('a', 'ready'), empty('b'), 'sink.warehouse-lost'],
    ['is filled and on no record', undefined, filled('b'), 'sink.warehouse-unknown'],
    ['came in between', recorded('a', 'preparing'), filled('b'), 'sink.warehouse-unknown'],
  ])('is refused when it %s', (_what, record, found, code) => {
    expect(() => decideOpening(record, found)).toThrow(expect.objectContaining({ code }));
  });

  it('is known before it exists, and ready before it is filled', async () => {
    const log = new MemorySinkLog();
    const seen: unknown[] = [];
    const destination = new MemoryWarehouse();
    const state = await openWarehouse({
      log,
      destination,
      newId: () => 'a',
      reach: (point) => seen.push([point, log.record?.warehouse, destination.warehouseId]),
    });
    expect(seen).toEqual([
      ['sinkPreparing', { id: 'a', state: 'preparing' }, undefined],
      ['sinkPrepared', { id: 'a', state: 'preparing' }, 'a'],
    ]);
    expect(log.record?.warehouse).toEqual({ id: 'a', state: 'ready' });
    expect(state).toEqual(empty('a'));
  });

  it('leaves what the destination has planned in the record', async () => {
    const log = new MemorySinkLog();
    const plan = { job: 'load-1' };
    log.record = { ...recorded('a', 'preparing'), plan };
    const destination = new MemoryWarehouse();
    await openWarehouse({ log, destination, newId: () => 'b', reach: () => {} });
    expect(log.record).toEqual({ ...recorded('b', 'ready'), plan });
  });
});
