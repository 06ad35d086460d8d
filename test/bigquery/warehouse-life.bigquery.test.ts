import { afterAll, describe } from 'vitest';
import { BigQueryFront } from '../../tools/bigquery-front/bigquery-front.ts';
import { describeWarehouseLife } from './warehouse-life.ts';

/** Address of an emulator, as `http://127.0.0.1:9050`. */
const ENDPOINT = process.env['SLUICE_TEST_BIGQUERY'] ?? '';

/** The same life as in smoke.google.test.ts, which runs where there is a project. */
describe.skipIf(ENDPOINT === '')('the life of a warehouse', () => {
  let front: BigQueryFront | undefined;
  afterAll(() => front?.[Symbol.asyncDispose]());

  describeWarehouseLife('before an emulator', async () => {
    front = await BigQueryFront.start(ENDPOINT);
    return {
      project: 'demo',
      location: 'US',
      endpoint: front.endpoint,
      authorization: () => Promise.resolve({}),
    };
  });
});
