import { join } from 'node:path';
import { run } from '../../tools/stack/run.ts';
import type { Bout } from '../compare.ts';
import type { Place } from '../place.ts';
import type { LimitRow } from '../results.ts';
import type { ScenarioName } from '../scenarios.ts';
import type { SourcePosition } from '../source.ts';
import type { LimitTask } from './limit-process.ts';

const PROGRAM = join(import.meta.dirname, 'limit-process.ts');

/** Ready records and the fixed table are orders, so only these scenarios compare with them. */
const LIMITS: Partial<Record<ScenarioName, readonly LimitRow['name'][]>> = {
  bulk: ['read', 'decode', 'write', 'fixed-table'],
  single: ['read', 'decode', 'write'],
};

/** In a quick run only what the gate looks at. */
const QUICK: readonly ScenarioName[] = ['bulk', 'single'];

/** What the parts do alone with the log between two positions, each in a process of its own. */
export async function limitRows(
  bout: Bout,
  from: SourcePosition,
  to: SourcePosition,
): Promise<readonly LimitRow[]> {
  const { place, workload, scenario, database } = bout;
  if (bout.size !== 'full' && !QUICK.includes(scenario.name)) return [];
  const kinds = LIMITS[scenario.name] ?? ['read', 'decode'];
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
    const rowsPerSecond = await measured(task, bout.place).catch((error: unknown) => {
      place.signal.throwIfAborted();
      bout.say(error instanceof Error ? error.message : String(error));
      return undefined;
    });
    if (rowsPerSecond === undefined) continue;
    bout.say(
      `${scenario.name}: limit, ${kind} alone: ${Math.round(rowsPerSecond).toLocaleString('en-US')} rows/s`,
    );
    rows.push({ name: kind, rowsPerSecond });
  }
  return rows;
}

async function measured(task: LimitTask, { programs, env, signal }: Place): Promise<number> {
  // By standard input, since anybody may read a command line.
  const input = JSON.stringify(task);
  const output = await run(process.execPath, [PROGRAM], { cwd: programs, env, signal, input });
  return (JSON.parse(output) as { readonly rowsPerSecond: number }).rowsPerSecond;
}
