import { describe, expect, it, vi } from 'vitest';
import { jobId, type LoadPlan, newPlan } from '../../src/bigquery/load-plan.ts';
import type { Topic } from '../../src/topic/topic-name.ts';

const NAMES = { pipeline: 'shop', sink: 'bq' };
const TOPIC = 'shop.shop.orders' as Topic;

/** As versions stored it that made no digest. */
const EARLIER: LoadPlan = {
  warehouseId: 'w1',
  commit: 7,
  offsets: [
    { topic: TOPIC, partition: 1, offset: 5 },
    { topic: TOPIC, partition: 0, offset: 3 },
  ],
  cut: undefined,
  ingestedAtUs: 1000,
  deletesFirst: true,
};

describe('the id of a job', () => {
  it('of a plan of an earlier version is the one that version gave it', () => {
    expect(['load-shop.orders', 'commit'].map((what) => jobId(NAMES, EARLIER, what))).toEqual([
      'sluice-shop-bq-7-load-shop_orders-eec48ad5b704fccdc7e3',
      'sluice-shop-bq-7-commit-8417d8499b5117f4d7d5',
    ]);
  });

  it('is another one for another job, range, time, commit or warehouse', () => {
    const plans: readonly LoadPlan[] = [
      EARLIER,
      { ...EARLIER, warehouseId: 'w2' },
      { ...EARLIER, commit: 8 },
      { ...EARLIER, ingestedAtUs: 1001 },
      { ...EARLIER, offsets: EARLIER.offsets.slice(1) },
    ];
    const ids = plans.flatMap((plan) =>
      ['load-a.b', 'load-a_b', 'commit'].map((what) => jobId(NAMES, newPlan(plan), what)),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is the same for a plan that was read again, in whatever order its offsets are', () => {
    const plan = newPlan(EARLIER);
    const read = JSON.parse(JSON.stringify(plan)) as LoadPlan;
    const turned = newPlan({ ...EARLIER, offsets: EARLIER.offsets.toReversed() });
    for (const same of [read, turned])
      expect(jobId(NAMES, same, 'commit')).toBe(jobId(NAMES, plan, 'commit'));
  });

  it('is made without a look at the offsets of the plan', () => {
    const plan = newPlan(EARLIER);
    const looks = vi.fn(() => EARLIER.offsets);
    const watched = Object.defineProperty({ ...plan }, 'offsets', { get: looks });
    jobId(NAMES, watched, 'load-shop.orders');
    expect(looks).not.toHaveBeenCalled();
  });
});
