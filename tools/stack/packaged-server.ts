import type { Environment } from './address.ts';
import type { Command } from './detached-process.ts';
import type { SiteRecord } from './site-record.ts';

/** Where one server of a run lives and listens. */
export interface Site {
  /** The server's folder in the run's folder: configuration, log and data. */
  readonly folder: string;
  /** The finished cache entry with the server's programs. */
  readonly home: string;
  readonly record: SiteRecord;
}

export interface BuildContext {
  readonly env: Environment;
  readonly signal: AbortSignal | undefined;
  readonly onLine: (line: string) => void;
}

/** A server that is started from packages, without a container engine. */
export interface PackagedServer {
  /** Name of its folder in the cache; a new version is a new entry. */
  readonly cacheEntry: string;
  /** Shown while the entry is being built. */
  readonly buildStage: string;
  /** What this machine lacks to build the entry (if it is not cached) and to run the server. */
  lacks(cached: boolean, env: Environment): readonly string[];
  /** Fills an empty folder with the server's programs. */
  build(folder: string, context: BuildContext): Promise<void>;
  /** Writes the configuration file, if there is one, for the ports the site has now. */
  configure(site: Site): Promise<void>;
  /** Makes the data folder of a site that was never started. */
  initialise(site: Site, context: BuildContext): Promise<void>;
  command(site: Site): Command;
}
