/**
 * The front as a process, for whatever wants a BigQuery that is as strict as Google's:
 *
 *     node tools/bigquery-front/main.ts --emulator http://127.0.0.1:9050 [--port N]
 *
 * It prints its address as JSON, `{"endpoint": "http://127.0.0.1:41234"}`, and ends with SIGTERM or
 * SIGINT.
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { BigQueryFront } from './bigquery-front.ts';

const { values } = parseArgs({
  options: { emulator: { type: 'string' }, port: { type: 'string', default: '0' } },
});
if (values.emulator === undefined) {
  process.stderr.write('--emulator is missing: the address of the server behind the front.\n');
  process.exit(2);
}
const front = await BigQueryFront.start(values.emulator, { port: Number(values.port) });
process.stdout.write(`${JSON.stringify({ endpoint: front.endpoint })}\n`);
await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
await front[Symbol.asyncDispose]();
