import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Addresses, ServerName } from '../stack/address.ts';
import { StackUnavailable } from '../stack/prerequisite.ts';
import { showProgress } from '../stack/progress.ts';
import { openStack, startStack } from '../stack/stack.ts';

export interface TestServers extends AsyncDisposable {
  /** What tests read: `SLUICE_TEST_MYSQL` and its kin, one for each server that runs. */
  readonly env: Readonly<Record<string, string>>;
  /** Why a server cannot be had on this machine. */
  readonly missing: ReadonlyMap<ServerName, string>;
  /** Why a server that can be had did not start. */
  readonly broken: ReadonlyMap<ServerName, string>;
}

/**
 * Starts the servers in a folder of their own, each by itself: one that cannot be had does not keep
 * the others away. Disposing ends every one that was started and removes their data.
 */
export async function startTestServers(
  names: readonly ServerName[],
  signal: AbortSignal,
): Promise<TestServers> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const progress = showProgress(process.stderr);
  const results = await Promise.allSettled(
    names.map((name) => startStack({ only: [name], dir, report: progress.report, signal })),
  );
  progress.close();
  const env: Record<string, string> = {};
  const missing = new Map<ServerName, string>();
  const broken = new Map<ServerName, string>();
  for (const [index, name] of names.entries()) {
    const result = results[index];
    if (result?.status === 'fulfilled') {
      Object.assign(env, testVariables(result.value.addresses));
      continue;
    }
    const reason: unknown = result?.reason;
    const text = reason instanceof Error ? reason.message : String(reason);
    (reason instanceof StackUnavailable ? missing : broken).set(name, text);
  }
  return {
    env,
    missing,
    broken,
    [Symbol.asyncDispose]: async () => {
      try {
        await openStack({ dir }).down();
        rmSync(dir, { recursive: true, force: true });
      } catch (error) {
        // The results are worth more than the cleaning; a person is told what is left.
        console.error(`Servers of this run may be left, see ${dir}: ${String(error)}`);
      }
    },
  };
}

function testVariables({
  mysql,
  kafka,
  temporal,
  bigquery,
}: Addresses): Readonly<Record<string, string>> {
  return {
    ...(mysql && {
      SLUICE_TEST_MYSQL: `mysql://${mysql.user}:${encodeURIComponent(mysql.password)}@${mysql.host}:${mysql.port}`,
    }),
    ...(kafka && { SLUICE_TEST_KAFKA: kafka.brokers.join(',') }),
    ...(temporal && { SLUICE_TEST_TEMPORAL: temporal.address }),
    ...(bigquery && { SLUICE_TEST_BIGQUERY: bigquery.url }),
    ...(bigquery?.storage && { SLUICE_TEST_BIGQUERY_STORAGE: bigquery.storage }),
  };
}
