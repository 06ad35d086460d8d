import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from './address.ts';
import type { PackagedServer } from './packaged-server.ts';
import { hasProgram } from './prerequisite.ts';
import { run } from './run.ts';

const REQUIREMENTS = join(import.meta.dirname, 'bigquery/requirements.txt');
/** Of the whole list: any other version of one package is another emulator. */
const REQUIREMENTS_DIGEST = createHash('sha256')
  .update(readFileSync(REQUIREMENTS))
  .digest('hex')
  .slice(0, 12);
const STARTER = join(import.meta.dirname, 'bigquery/run.py');
/** Of the project whose datasets it holds; any other is as good. */
export const BIGQUERY_PROJECT = 'demo';

/**
 * bqemulator: BigQuery's REST interface over DuckDB. It is laxer than the service and lacks some of
 * it; tests put what they need before it. Its data is in memory and ends with it.
 */
export const BIGQUERY: PackagedServer = {
  cacheEntry: `bqemulator-${REQUIREMENTS_DIGEST}`,
  buildStage: 'installing the BigQuery emulator (a minute, 700 MB)',

  lacks: (_, env) => (hasPython(env) ? [] : ['python3 (3.11 or newer) with pip']),

  async build(folder, context) {
    const pip = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary', ':all:'];
    await run('python3', [...pip, '--target', 'packages', '-r', REQUIREMENTS], {
      ...context,
      label: 'pip install bqemulator',
      cwd: folder,
    });
  },

  configure: async () => undefined,
  initialise: async () => undefined,

  command: ({ home, record }) => ({
    program: 'python3',
    args: [
      ...[STARTER, join(home, 'packages'), 'start', '--ephemeral'],
      ...['--rest-port', String(record.port), '--grpc-port', String(record.sidePort)],
      ...['--project', BIGQUERY_PROJECT, '--log-level', 'warning'],
    ],
  }),
};

function hasPython(env: Environment): boolean {
  if (!hasProgram('python3', env)) return false;
  const check = 'import sys, pip; sys.exit(sys.version_info < (3, 11))';
  return spawnSync('python3', ['-c', check], { env: { ...env } }).status === 0;
}
