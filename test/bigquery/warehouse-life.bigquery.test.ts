import { afterAll, describe, expect, it } from 'vitest';
import { checkAccess } from '../../src/bigquery/access-check.ts';
import { BigQueryFront } from '../../tools/bigquery-front/bigquery-front.ts';
import { SkippingClock } from './skipping-clock.ts';
import { describeWarehouseLife, type LifeAt } from './warehouse-life.ts';

/** Address of an emulator, as `http://127.0.0.1:9050`. */
const ENDPOINT = process.env['SLUICE_TEST_BIGQUERY'] ?? '';

/** The same life as in smoke.google.test.ts, which runs where there is a project. */
describe.skipIf(ENDPOINT === '')('the life of a warehouse', () => {
  let front: BigQueryFront | undefined;
  afterAll(() => front?.[Symbol.asyncDispose]());

  const begin = async (): Promise<LifeAt> => {
    const clock = new SkippingClock();
    front = await BigQueryFront.start(ENDPOINT, { nowMs: clock.nowMs });
    return {
      project: 'demo',
      location: 'US',
      endpoint: front.endpoint,
      authorization: () => Promise.resolve({}),
      clock,
    };
  };
  describeWarehouseLife('before an emulator', begin, () => {
    it('finds the emulator itself fit, which knows no permissions', async () => {
      const wish = {
        project: 'demo',
        location: 'US',
        member: undefined,
        datasets: [],
        mayNeedMore: true,
      };
      const findings = await checkAccess(wish, { bigQuery: ENDPOINT, headers: {} });
      expect(findings.map(({ check, severity }) => [check, severity])).toEqual([
        ['project', 'ok'],
        ['jobs', 'ok'],
      ]);
    });
  });
});
