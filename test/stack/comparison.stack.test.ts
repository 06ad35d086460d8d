import { describe, expect, it } from 'vitest';
import { compareEverything } from '../../demo/check.ts';
import { conclusion, verdictText } from '../../demo/verdict.ts';
import {
  expectEverythingEqual,
  givenServers,
  openShop,
  SOON_MS,
  STACK_TEST_MS,
} from '../support/shop-harness.ts';

describe.skipIf(!givenServers())('the comparison that the other tests rely on', () => {
  it(
    'finds a value that changed, a row that went and a row that came behind the back of the binlog',
    async () => {
      await using scope = await openShop({ scale: 0.01 });
      const { shop } = scope;
      shop.startWorker();
      await shop.apply();
      await shop.snapshotEnded(SOON_MS);
      await expectEverythingEqual(shop);

      await shop.run(
        'SET SESSION sql_log_bin = 0',
        'UPDATE products SET density = density * (1 + 4e-16) WHERE density > 0 LIMIT 1',
        'DELETE FROM documents WHERE id = 3',
        "INSERT INTO returns VALUES (1, 1, 'unseen')",
        `UPDATE orders SET details = JSON_SET(details, '$.big', 18446744073709551614) WHERE id = 1`,
      );

      const verdicts = await compareEverything(shop, (_name, work) => work(() => undefined));
      const unequal = verdicts.filter(({ differences }) => differences > 0);
      // Each is seen twice: in the view and in the topic.
      expect(unequal.map(({ table, differences }) => [table, differences])).toEqual([
        [`${shop.name}.documents`, 2],
        [`${shop.name}.orders`, 2],
        [`${shop.name}.products`, 2],
        [`${shop.name}.returns`, 2],
      ]);
      // A run of the demo that ended so would say where, and fail.
      const said = verdictText('at the end', verdicts);
      expect(said).toContain('      view: ["3"]: only in the warehouse');
      expect(said).toMatch(/ {6}view: \["[^"]+"\]: density differ/);
      expect(conclusion(verdicts).exitCode).toBe(1);
    },
    STACK_TEST_MS,
  );
});
