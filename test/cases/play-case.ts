import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqlAddress } from '../../tools/stack/address.ts';
import { ownServers } from '../support/shop-harness.ts';
import { CasePipeline } from './case-pipeline.ts';
import { CaseSource } from './case-source.ts';
import { CASE_PASSWORD, type FieldCase, type Step } from './field-case.ts';

/** Between two steps, on a busy machine. */
const PATIENCE_MS = 120_000;
/** Once a step has waited in vain: what still moves is given the time to do so. */
const IMPATIENCE_MS = 5_000;

export interface CaseServers {
  readonly mysql: SqlAddress;
  readonly brokers: readonly string[];
}

/** A case whose steps are all done, with its servers still there to be asked. */
export interface PlayedCase extends AsyncDisposable {
  readonly mysql: SqlAddress;
  readonly pipeline: CasePipeline;
  /** Those of the case that the source has. */
  readonly databases: readonly string[];
  /** Why the end was not reached; what the warehouse shows then is unfinished. */
  readonly trouble: string | undefined;
}

let plays = 0;

/** Plays a case to its end, or to where it stands still. */
export async function playCase(
  fieldCase: FieldCase,
  { mysql: shared, brokers }: CaseServers,
): Promise<PlayedCase> {
  plays += 1;
  const prefix = `c${process.pid}-${Date.now().toString(36)}-${plays}`;
  await using scope = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'sluice-case-'));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
  const { ownServer } = fieldCase;
  const own = ownServer && scope.use(await ownServers(['mysql'], ownServer));
  const mysql = own?.addresses.mysql ?? shared;
  const source = scope.use(await CaseSource.open(mysql, fieldCase));
  const password = fieldCase.user === undefined ? mysql.password : CASE_PASSWORD;
  await writeFile(join(folder, 'password'), password);
  const pipeline = new CasePipeline(fieldCase, { mysql, brokers, folder, prefix });
  scope.defer(() => pipeline.stop());

  let trouble: string | undefined;
  const take = async (step: Step): Promise<void> => {
    switch (step.kind) {
      case 'sql':
        return source.run(step.text);
      case 'start':
        pipeline.start();
        return;
      case 'sync':
        return sync(source, pipeline, trouble === undefined ? PATIENCE_MS : IMPATIENCE_MS);
      case 'stop':
        return pipeline.stop();
      case 'exclude':
        await pipeline.stop();
        pipeline.start({ exclude: step.patterns });
        return;
      case 'configure':
        await pipeline.stop();
        pipeline.start({ tables: step.tables });
        return;
      case 'restart server':
        await own?.stop('mysql');
        await own?.start('mysql');
        return source.reconnect();
    }
  };
  for (const step of [...fieldCase.steps, { kind: 'sync' } as const])
    try {
      await take(step);
    } catch (error) {
      // A finding about the pipeline: the source goes on, and the other tables are to do so too.
      if (!(error instanceof StandsStill)) throw error;
      trouble ??= error.message;
    }
  const databases = await source.databases();
  const opened = scope.move();
  return {
    mysql,
    pipeline,
    databases,
    trouble,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

class StandsStill extends Error {
  override readonly name = 'StandsStill';
}

/**
 * Waits until the warehouse shows all that the source has done, and no table is due a copy. What a
 * snapshot has read last may still be on its way to Kafka when capture says that it has no table
 * left to copy; a transaction behind that is behind all of it. A table that capture takes up again
 * only once it has looked at it may ask for its copy later than that, so that the warehouse has the
 * last word.
 */
async function sync(source: CaseSource, pipeline: CasePipeline, withinMs: number): Promise<void> {
  const signal = AbortSignal.timeout(withinMs);
  try {
    do {
      await pipeline.captured(await source.executed(), signal);
      await source.mark();
      const commitOrdinal = await pipeline.captured(await source.executed(), signal);
      await pipeline.shown(commitOrdinal, signal);
    } while (await pipeline.isCopying());
  } catch (cause) {
    const why = pipeline.trouble ?? String(cause);
    throw new StandsStill(`the pipeline stands still: ${why}`, { cause });
  }
}
