import { join } from 'node:path';
import { run } from '../../tools/stack/run.ts';
import type { Bout } from '../compare.ts';
import type { LimitRow } from '../results.ts';
import type { SourcePosition } from '../source.ts';
import type { LimitTask } from './limit-process.ts';

const PROGRAM = join(import.meta.dirname, 'limit-process.ts');

/** What the parts do alone with the log between two positions, each in a process of its own. */
export async function limitRows(
  bout: Bout,
  from: SourcePosition,
  to: SourcePosition,
): Promise<readonly LimitRow[]> {
  const { place, workload, scenario, database } = bout;
  const isOrders = scenario.name === 'bulk' || scenario.name === 'single';
  const kinds: readonly LimitRow['name'][] = isOrders
    ? ['read', 'decode', 'write']
    : ['read', 'decode'];
  const rows: LimitRow[] = [];
  for (const kind of kinds) {
    bout.say(`${scenario.name}: limit, ${kind} alone`);
    const task: LimitTask = {
      kind,
      mysql: place.mysql,
      brokers: place.kafka.brokers,
      database,
      rows: workload.rows,
      from,
      endFile: to.file,
    };
    // By standard input, since anybody may read a command line.
    const output = await run(process.execPath, [PROGRAM], {
      cwd: place.programs,
      env: place.env,
      signal: place.signal,
      input: JSON.stringify(task),
    });
    const { rowsPerSecond } = JSON.parse(output) as { readonly rowsPerSecond: number };
    bout.say(
      `${scenario.name}: limit, ${kind} alone: ${Math.round(rowsPerSecond).toLocaleString('en-US')} rows/s`,
    );
    rows.push({ name: kind, rowsPerSecond });
  }
  return rows;
}
