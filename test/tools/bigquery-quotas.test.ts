import { describe, expect, it } from 'vitest';
import { GOOGLE_LIMITS, Quotas } from '../../tools/bigquery-front/quotas.ts';

const DAY_MS = 86_400_000;

describe('the quotas of a BigQuery', () => {
  it('take 1,500 loads of a table within any day, and the next when the first is a day old', () => {
    let now = 0;
    const quotas = new Quotas(GOOGLE_LIMITS, () => now);
    for (; now < 1_500; now += 1) expect(quotas.takeLoad('p', 'p.d.t')).toBeUndefined();
    expect(quotas.takeLoad('p', 'p.d.t')).toMatchObject({ reason: 'quotaExceeded' });
    expect(quotas.takeLoad('p', 'p.d.other')).toBeUndefined();
    now = DAY_MS - 1;
    expect(quotas.takeLoad('p', 'p.d.t')).toMatchObject({ reason: 'quotaExceeded' });
    now = DAY_MS;
    expect(quotas.takeLoad('p', 'p.d.t')).toBeUndefined();
    expect(quotas.takeLoad('p', 'p.d.t')).toMatchObject({ reason: 'quotaExceeded' });
  });

  it('take 100,000 loads a day of a project, whatever the tables', () => {
    const quotas = new Quotas(GOOGLE_LIMITS, () => 0);
    for (let load = 0; load < 100_000; load += 1) quotas.takeLoad('p', `p.d.t${load % 100}`);
    expect(quotas.takeLoad('p', 'p.d.fresh')).toMatchObject({ reason: 'quotaExceeded' });
    expect(quotas.takeLoad('another', 'another.d.t')).toBeUndefined();
  });

  it('take five updates of a table in ten seconds, and none of a script that has a sixth', () => {
    let now = 0;
    const quotas = new Quotas(GOOGLE_LIMITS, () => now);
    for (; now < 5; now += 1) expect(quotas.takeUpdates(['p.d.t'])).toBeUndefined();
    expect(quotas.takeUpdates(['p.d.u', 'p.d.t'])).toMatchObject({ reason: 'rateLimitExceeded' });
    for (let update = 0; update < 5; update += 1)
      expect(quotas.takeUpdates(['p.d.u'])).toBeUndefined();
    now = 10_000;
    expect(quotas.takeUpdates(['p.d.t'])).toBeUndefined();
    expect(quotas.takeUpdates(['p.d.t'])).toMatchObject({ reason: 'rateLimitExceeded' });
  });

  it('take fifty updates of a partitioned table', () => {
    const quotas = new Quotas(GOOGLE_LIMITS, () => 0);
    const take = () => quotas.takeUpdates(['p.d.t'], (table) => table === 'p.d.t');
    for (let update = 0; update < 50; update += 1) expect(take()).toBeUndefined();
    expect(take()).toMatchObject({ reason: 'rateLimitExceeded' });
  });

  it('take 25 DML statements of a table in ten seconds, and count them as updates', () => {
    let now = 0;
    const quotas = new Quotas(GOOGLE_LIMITS, () => now);
    for (let statement = 0; statement < 25; statement += 1)
      expect(quotas.takeDml(['p.d.t'])).toBeUndefined();
    expect(quotas.takeDml(['p.d.t'])).toMatchObject({ reason: 'rateLimitExceeded' });
    expect(quotas.takeUpdates(['p.d.t'])).toMatchObject({ reason: 'rateLimitExceeded' });
    now = 10_000;
    expect(quotas.takeDml(['p.d.t'])).toBeUndefined();
    expect(quotas.takeUpdates(['p.d.t'])).toBeUndefined();
  });
});
