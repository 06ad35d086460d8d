import { join } from 'node:path';
import type { PackagedServer } from './packaged-server.ts';
import { hasProgram } from './prerequisite.ts';
import { run } from './run.ts';

const VERSION = 'v1.5.1';

/** Sluice's search attributes, all of type Keyword. */
export const SEARCH_ATTRIBUTES = ['CdcState', 'CdcPipeline'] as const;

/** Temporal's development server: all services in one process, histories in one SQLite file. */
export const TEMPORAL: PackagedServer = {
  cacheEntry: `temporal-${VERSION}`,
  buildStage: 'building Temporal (about 3 minutes)',

  lacks: (cached, env) => (cached || hasProgram('go', env) ? [] : ['go (1.24 or newer)']),

  async build(folder, context) {
    await run('go', ['install', `github.com/temporalio/cli/cmd/temporal@${VERSION}`], {
      ...context,
      cwd: folder,
      env: { ...context.env, GOBIN: folder },
    });
  },

  configure: async () => undefined,
  initialise: async () => undefined,

  command: (site) => ({
    program: join(site.home, 'temporal'),
    args: [
      ...['server', 'start-dev', '--ip', '127.0.0.1'],
      ...['--port', String(site.record.port), '--ui-port', String(site.record.sidePort)],
      ...['--db-filename', join(site.folder, 'temporal.sqlite')],
      ...['--log-level', 'error'],
      ...SEARCH_ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
      ...site.record.dynamicConfig.flatMap((setting) => ['--dynamic-config-value', setting]),
    ],
  }),
};
