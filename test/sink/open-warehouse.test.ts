import { describe, expect, it } from 'vitest';
import { openWarehouse } from '../../src/sink/open-warehouse.ts';
import { MemorySinkLog } from './memory-sink-log.ts';
import { MemoryWarehouse } from './memory-warehouse.ts';
import { SimulatedPipeline } from './simulated-pipeline.ts';
import { PREFIX, SimulatedSource, SimulatedTopics } from './simulated-topics.ts';

function setting() {
  const topics = new SimulatedTopics();
  new SimulatedPipeline(topics);
  topics.settle();
  const hooks = { pick: () => 0, maxSlots: () => 1, beforeMarks: () => {}, onIdle: () => {} };
  const log = new MemorySinkLog();
  const destination = new MemoryWarehouse();
  const seen: unknown[] = [];
  const open = () =>
    openWarehouse({
      log,
      destination,
      source: new SimulatedSource(topics, hooks),
      prefix: PREFIX,
      orders: {},
      newId: () => 'a',
      reach: (point) => seen.push([point, log.record?.warehouse, destination.warehouseId]),
      signal: new AbortController().signal,
    });
  return { log, destination, seen, open };
}

describe('openWarehouse', () => {
  it('puts a new warehouse on record before it exists, and calls it ready before it is filled', async () => {
    const { log, seen, open } = setting();
    expect(await open()).toMatchObject({ kind: 'open', state: { warehouseId: 'a', offsets: [] } });
    expect(seen).toEqual([
      ['sinkPreparing', { id: 'a', state: 'preparing' }, undefined],
      ['sinkPrepared', { id: 'a', state: 'preparing' }, 'a'],
    ]);
    expect(log.record?.warehouse).toEqual({ id: 'a', state: 'ready' });
  });

  it('writes nothing when it finds what it has filled', async () => {
    const { log, open } = setting();
    await open();
    const saves = log.saved.length;
    await open();
    expect(log.saved).toHaveLength(saves);
  });

  it('leaves what the destination has planned in the record', async () => {
    const { log, open } = setting();
    const plan = { job: 'load-1' };
    log.record = { v: 1, warehouse: { id: 'z', state: 'preparing' }, plan };
    await open();
    expect(log.record).toEqual({ v: 1, warehouse: { id: 'a', state: 'ready' }, plan });
  });
});
