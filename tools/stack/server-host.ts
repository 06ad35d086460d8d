import type { Environment, ServerName } from './address.ts';
import type { Report } from './progress.ts';
import type { SiteRecord } from './site-record.ts';

/** What every operation on one run's servers needs to know. */
export interface RunContext {
  /** Absolute folder of the run; one folder a server inside. */
  readonly dir: string;
  readonly env: Environment;
  readonly report: Report;
  readonly signal: AbortSignal | undefined;
}

/** A way to have servers: as processes from packages, or as containers. */
export interface ServerHost {
  /** Makes everything ready in the server's empty folder and returns its record; starts nothing. */
  prepare(
    name: ServerName,
    dynamicConfig: readonly string[],
    context: RunContext,
  ): Promise<SiteRecord>;
  /** Starts a prepared server on the ports of its record and returns when it answers. */
  start(name: ServerName, record: SiteRecord, context: RunContext): Promise<void>;
  /** Returns when a server that was started before answers. */
  untilReady(name: ServerName, record: SiteRecord, context: RunContext): Promise<void>;
  /** Undefined when it does not run; the pid is known of processes only. */
  running(name: ServerName, context: RunContext): Promise<{ readonly pid?: number } | undefined>;
  /** Ends a server and returns when it is gone; its data and ports are kept. */
  end(name: ServerName, signal: NodeJS.Signals, context: RunContext): Promise<void>;
}
