import { hostname } from 'node:os';
import { join } from 'node:path';
import { GivenCommands } from '../../src/capture/given-commands.ts';
import { parseGtidSet } from '../../src/change/gtid-set.ts';
import type { SecretScope } from '../../src/config/secret.ts';
import { derivedServerId } from '../../src/config/server-id.ts';
import type { PipelineSpec, SourceSpec } from '../../src/control/pipeline-spec.ts';
import { queryWarehouse } from '../../src/duckdb/query-client.ts';
import { judgeFailure } from '../../src/errors/policy.ts';
import type { PipelineProgress, SinkProgress } from '../../src/observability/progress.ts';
import { runCaptureTask } from '../../src/workers/capture-task.ts';
import { runSinkTask } from '../../src/workers/sink-task.ts';
import type { ThreadMessage, ThreadPort } from '../../src/workers/thread-protocol.ts';
import type { SqlAddress } from '../../tools/stack/address.ts';
import type { FieldCase } from './field-case.ts';

const SINK = 'warehouse';
const MAX_ANSWER_ROWS = 1_000_000;

export interface Surroundings {
  readonly mysql: SqlAddress;
  readonly brokers: readonly string[];
  /** Of the warehouse and the password, for this case alone. */
  readonly folder: string;
  /** Of the topics; no other run has it. */
  readonly prefix: string;
}

/** A capture and a sink, in this process, as data threads of a worker run them. */
export class CasePipeline {
  readonly #spec: PipelineSpec;
  readonly #secrets: SecretScope;
  #abort = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #capture: PipelineProgress | undefined;
  #sink: SinkProgress | undefined;
  #epoch = 0;
  /** What ended the capture or the sink; nothing goes on behind it without a person. */
  #ended: string | undefined;
  /** What is being tried again. */
  #retrying = new Map<string, string>();
  /** `database.table` and why it has stopped. */
  readonly #stopped = new Map<string, string>();
  #changed = Promise.withResolvers<void>();

  constructor(fieldCase: FieldCase, surroundings: Surroundings) {
    this.#spec = specOf(fieldCase, surroundings);
    this.#secrets = { variables: [], folders: [surroundings.folder] };
  }

  /** @param changed  of the source; what an earlier start has changed is as the case has it again */
  start(changed: Partial<Pick<SourceSpec, 'exclude' | 'tables'>> = {}): void {
    const spec = { ...this.#spec, source: { ...this.#spec.source, ...changed } };
    this.#abort = new AbortController();
    this.#capture = undefined;
    this.#sink = undefined;
    const capture = runCaptureTask(
      {
        kind: 'capture',
        spec,
        secrets: this.#secrets,
        owner: `cases/${spec.kafka.prefix}`,
        tripwire: { hasCommitted: this.#epoch > 0, epoch: this.#epoch },
        commands: [],
      },
      this.#port('capture'),
    );
    const sink = runSinkTask(
      {
        kind: 'sink',
        spec,
        secrets: this.#secrets,
        host: hostname(),
        sinkName: SINK,
        orders: {},
      },
      this.#port('sink'),
    );
    this.#running = Promise.all([this.#watch('capture', capture), this.#watch('sink', sink)]);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  /** What is wrong with the pipeline as a whole; undefined when nothing is known to be. */
  get trouble(): string | undefined {
    return this.#ended ?? ([...this.#retrying.values()].join('; ') || undefined);
  }

  /** Why a table stands still, as capture or the sink has said. */
  stopOf(table: string): string | undefined {
    const stop = this.#sink?.stopped?.tables.find((each) => each.table === table);
    return this.#stopped.get(table) ?? (stop && `${stop.code}: ${stop.reason}`);
  }

  /** Resolves once the transactions are captured and no table is waiting for a copy. */
  async captured(gtidSet: string, signal: AbortSignal): Promise<number> {
    const wanted = parseGtidSet(gtidSet);
    return this.#until(signal, () => {
      const { checkpoint, snapshot } = this.#capture ?? {};
      if (!checkpoint || snapshot) return undefined;
      return wanted.isSubsetOf(parseGtidSet(checkpoint.gtidSet))
        ? checkpoint.commitOrdinal
        : undefined;
    });
  }

  /** Resolves once the warehouse shows this commit. */
  async shown(commitOrdinal: number, signal: AbortSignal): Promise<void> {
    await this.#until(signal, () =>
      (this.#sink?.cutOrdinal ?? -1) >= commitOrdinal ? true : undefined,
    );
  }

  /** Whether the warehouse waits for the end of a copy. */
  async isCopying(): Promise<boolean> {
    const copying = "SELECT 1 FROM _cdc_status WHERE status IN ('gap', 'snapshotting') LIMIT 1";
    return (await this.query(copying)).length > 0;
  }

  /** Asks the sink that holds the file, as `sluice query` does. */
  async query(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    const { file } = this.#spec.sinks[SINK] as { readonly file: string };
    const { rows } = await queryWarehouse(file, { sql, limit: MAX_ANSWER_ROWS });
    return rows as readonly (readonly (string | null)[])[];
  }

  async #until<Answer>(signal: AbortSignal, ask: () => Answer | undefined): Promise<Answer> {
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    // It may come when nobody waits any more.
    aborted.catch(() => undefined);
    for (;;) {
      signal.throwIfAborted();
      const answer = ask();
      if (answer !== undefined) return answer;
      if (this.#ended !== undefined) throw new Error(this.#ended);
      await Promise.race([this.#changed.promise, aborted]);
    }
  }

  #port(part: string): ThreadPort {
    return {
      send: (message) => this.#take(part, message),
      signal: this.#abort.signal,
      commands: new GivenCommands(),
      reach: () => {},
    };
  }

  #take(part: string, message: ThreadMessage): void {
    if (message.kind === 'progress') {
      this.#retrying.delete(part);
      if (message.progress.kind === 'pipeline') this.#capture = message.progress;
      else this.#sink = message.progress;
    } else if (message.kind === 'retrying') {
      const { code, message: text } = message.failure;
      this.#retrying.set(part, `${part} tries again: ${code}: ${text}`);
    } else if (message.kind === 'needsSnapshot') {
      this.#ended = 'the sink asks for a snapshot of everything';
    } else if (message.kind === 'notice') {
      const { notice } = message;
      if (notice.kind === 'started') this.#epoch = notice.epoch;
      if (notice.kind === 'tableStopped')
        this.#stopped.set(notice.table, `${notice.code}: ${notice.reason}`);
      if (notice.kind === 'tableReturned') this.#stopped.delete(notice.table);
    }
    this.#wake();
  }

  async #watch(part: string, running: Promise<void>): Promise<void> {
    try {
      await running;
    } catch (error) {
      const { code, message } = judgeFailure(error);
      this.#ended = `${part} has ended: ${code}: ${message}`;
    }
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function specOf(
  { database, include, exclude, chunkRows, user, compression, tables }: FieldCase,
  { mysql, brokers, folder, prefix }: Surroundings,
): PipelineSpec {
  const { host, port } = mysql;
  return {
    v: 1,
    pipeline: database,
    source: {
      kind: 'mysql',
      host,
      port,
      user: user ?? mysql.user,
      password: { file: join(folder, 'password') },
      include,
      exclude,
      tables,
      serverId: derivedServerId(prefix),
    },
    kafka: { brokers, prefix, partitions: 2, replication: 1, compression },
    sinks: {
      [SINK]: {
        kind: 'duckdb',
        file: join(folder, 'warehouse.duckdb'),
        host: hostname(),
        commitIntervalMs: 200,
        maxBatchBytes: 8 * 1024 * 1024,
      },
    },
    snapshot: { mode: 'initial', chunkRows, schedules: {} },
    stream: {
      maxBatchBytes: 8 * 1024 * 1024,
      maxBatchRows: 50_000,
      idleMs: 5,
      heartbeatTimeoutMs: 20_000,
    },
  };
}
