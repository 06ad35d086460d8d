/**
 * Applies batch after batch to the file given, and kills itself with SIGKILL the nth time it comes
 * to the given point. Prints the commit ordinal of every batch whose commit was acknowledged.
 */
import { writeSync } from 'node:fs';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import {
  batch,
  change,
  integer,
  openOrCreate,
  rowsOf,
  schemaOf,
  TEST_SETTINGS,
  varchar,
} from './warehouse.ts';

const [path = '', point = '', times = '1'] = process.argv.slice(2);
let left = Number(times);

const schema = schemaOf('shop.orders', [
  ['id', integer],
  ['note', varchar],
]);
const file = await DuckDbFile.open(path, TEST_SETTINGS);
const destination = new DuckDbDestination(file, {
  pipeline: 'shop',
  prefix: 'shop',
  nowMs: () => 0,
  reach: (reached) => {
    if (reached !== point) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  },
  folding: { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0 },
});
const { cut } = await openOrCreate(destination);
for (let ordinal = (cut?.commitOrdinal ?? 0) + 1; ; ordinal++) {
  const rows = Array.from({ length: 500 }, (_, index) =>
    change(schema, 'u', [index, `commit ${ordinal}`], ordinal, 2 * index + 1),
  );
  await destination.apply({
    ...batch(ordinal, [rowsOf(schema, rows)]),
    offsets: [{ topic: 'shop.shop.orders' as Topic, partition: 0, offset: ordinal * 501 }],
  });
  writeSync(1, `${ordinal}\n`);
  await destination.compact(Number.POSITIVE_INFINITY);
}
