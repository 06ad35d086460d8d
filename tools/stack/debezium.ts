import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildOnce, cacheFolder } from './cache.ts';
import { KAFKA } from './kafka.ts';
import { fetchMavenModules } from './maven.ts';
import type { BuildContext } from './packaged-server.ts';
import { hasProgram, StackUnavailable } from './prerequisite.ts';

export const DEBEZIUM_VERSION = '3.6.1.Final';

/** What Kafka Connect brings itself; a second copy beside the plugin would not be the same classes. */
const PROVIDED = ['connect-api', 'kafka-clients', 'slf4j-api'];

export interface Debezium {
  /** Class path of Kafka Connect standalone. */
  readonly connectClassPath: string;
  /** Folder for Connect's `plugin.path`. */
  readonly pluginPath: string;
}

/**
 * Debezium's MySQL connector and the Kafka libraries that run it, from the cache, fetched if needed.
 * @throws StackUnavailable without java or mvn
 */
export async function installDebezium(
  context: BuildContext,
  onWait: () => void,
): Promise<Debezium> {
  const missing = ['java', 'mvn'].filter((program) => !hasProgram(program, context.env));
  if (missing.length > 0)
    throw new StackUnavailable(`Debezium needs ${missing.join(' and ')} on the PATH.`);
  const cache = cacheFolder(context.env);
  const kafka = await buildOnce(
    cache,
    KAFKA.cacheEntry,
    (folder) => KAFKA.build(folder, context),
    onWait,
  );
  const plugin = await buildOnce(
    cache,
    `debezium-mysql-${DEBEZIUM_VERSION}`,
    async (folder) => {
      const module = ['io.debezium', 'debezium-connector-mysql', DEBEZIUM_VERSION] as const;
      await fetchMavenModules([module], folder, context);
      await removeProvided(join(folder, 'libs'));
    },
    onWait,
  );
  return { connectClassPath: join(kafka, 'libs', '*'), pluginPath: plugin };
}

async function removeProvided(libraries: string): Promise<void> {
  const names = await readdir(libraries);
  const doubled = names.filter((name) =>
    PROVIDED.some((library) => name.startsWith(`${library}-`)),
  );
  await Promise.all(doubled.map((name) => rm(join(libraries, name))));
}
