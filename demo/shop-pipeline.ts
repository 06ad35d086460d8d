import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Client,
  Connection as TemporalConnection,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { stringify } from 'yaml';
import { parseGtidSet } from '../src/change/gtid-set.ts';
import { tailTopic } from '../src/kafka/tail.ts';
import { PipelineClient, type PipelineView } from '../src/temporal/pipeline-client.ts';
import type { KafkaAddress, SqlAddress, TemporalAddress } from '../tools/stack/address.ts';
import type { WarehouseQuery } from './compare-tables.ts';
import { deleteTopics } from './read-topics.ts';
import { createReplicationUser, createShop } from './shop-schema.ts';
import { duckDbSink, type ShopSink } from './shop-sink.ts';
import { type Place, sluice, WorkerProcess } from './worker-process.ts';

export interface Servers {
  readonly mysql: SqlAddress;
  readonly kafka: KafkaAddress;
  readonly temporal: TemporalAddress;
}

export interface ShopOptions {
  readonly servers: Servers;
  /** For the pipeline's file, its warehouse and the workers' logs; made when missing. */
  readonly folder: string;
  /** Of the database, the pipeline and the topics alike. */
  readonly name: string;
  /** DuckDB beside the pipeline's file when absent. */
  readonly sink?: ShopSink;
  /** Part of the usual rows. */
  readonly scale?: number;
  /** Sections of the pipeline file besides source, kafka and sinks. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Makes whatever is waited for fail, with the signal's reason. */
  readonly signal?: AbortSignal;
}

const PASSWORD_VARIABLE = 'SLUICE_SHOP_PASSWORD';
const PASSWORD = 'Sluice-demo-1';
const SINK = 'warehouse';
const POLL_MS = 250;
const ANSWER_MS = 60_000;
/** A topic is read from its start again after so long: its broker may have been replaced. */
const FOLLOW_MS = 5_000;
const LOG_LINES = 30;

/** A shop database with a pipeline over it, and the worker processes that serve it. */
export class ShopPipeline implements AsyncDisposable {
  readonly servers: Servers;
  readonly name: string;
  readonly folder: string;
  readonly file: string;
  /** Of DuckDB, when that is the sink. */
  readonly warehouse: string;
  readonly sink: ShopSink;
  readonly place: Place;
  readonly client: Client;
  readonly #control: PipelineClient;
  readonly #log: string;
  readonly #workers: WorkerProcess[] = [];
  readonly #closing = new AbortController();
  /** Aborted by the owner, or because the shop is being disposed of. */
  readonly ending: AbortSignal;
  /** Under way; the connection outlives them. */
  readonly #waits = new Set<Promise<unknown>>();

  private constructor(options: ShopOptions, connection: TemporalConnection) {
    const { servers, folder, name } = options;
    const { address, namespace } = servers.temporal;
    this.servers = servers;
    this.name = name;
    this.folder = folder;
    this.file = join(folder, `${name}.yaml`);
    this.warehouse = join(folder, `${name}.duckdb`);
    this.sink = options.sink ?? duckDbSink(this.warehouse);
    this.#log = join(folder, 'worker.log');
    this.place = { address, namespace, env: { [PASSWORD_VARIABLE]: PASSWORD } };
    this.client = new Client({ connection, namespace });
    this.#control = new PipelineClient(this.client);
    const { signal: closing } = this.#closing;
    this.ending = options.signal ? AbortSignal.any([options.signal, closing]) : closing;
  }

  /** Makes the database with its rows and the pipeline's file; nothing runs yet. */
  static async create(options: ShopOptions): Promise<ShopPipeline> {
    const { servers, folder, name, scale, settings = {} } = options;
    const connection = await TemporalConnection.connect({ address: servers.temporal.address });
    const shop = new ShopPipeline(options, connection);
    const user = userOf(name);
    await mkdir(folder, { recursive: true });
    await shop.withSource(async (root) => {
      await createShop(root, name, scale === undefined ? {} : { scale });
      await createReplicationUser(root, name, { user, password: PASSWORD });
    });
    const { host, port } = servers.mysql;
    const pipeline = {
      pipeline: name,
      source: {
        kind: 'mysql',
        host,
        port,
        user,
        password: { env: PASSWORD_VARIABLE },
        include: [`${name}.*`],
      },
      kafka: { brokers: servers.kafka.brokers, prefix: name, partitions: 3, replication: 1 },
      sinks: { [SINK]: shop.sink.settings },
      ...settings,
    };
    await writeFile(shop.file, stringify(pipeline));
    return shop;
  }

  async withSource<Result>(use: (root: Connection) => Promise<Result>): Promise<Result> {
    const root = await createConnection({
      ...this.servers.mysql,
      timezone: 'Z',
      supportBigNumbers: true,
    });
    try {
      return await use(root);
    } finally {
      await root.end();
    }
  }

  /** Statements in the shop's database, one after another, each its own transaction. */
  async run(...statements: readonly string[]): Promise<void> {
    await this.withSource(async (root) => {
      await root.query(`USE \`${this.name}\``);
      for (const sql of statements) await root.query(sql);
    });
  }

  /**
   * @param repository  the code that it runs, when that is a copy of this
   * @throws the reason of `ending` once it is aborted: nothing may be started that nobody would end
   */
  startWorker(env: Readonly<Record<string, string>> = {}, repository?: string): WorkerProcess {
    this.ending.throwIfAborted();
    const place = { ...this.place, env: { ...this.place.env, ...env } };
    const worker = new WorkerProcess(place, this.#log, ['--log-level', 'info'], repository);
    this.#workers.push(worker);
    return worker;
  }

  async apply(): Promise<void> {
    await sluice(this.place, ['apply', this.file], this.ending);
  }

  status(): Promise<PipelineView> {
    return this.#control.status(this.name);
  }

  /** A plain signal, as anybody with a Temporal client can send it. */
  async signal(name: string, payload: object): Promise<void> {
    await this.client.workflow.getHandle(`cdc/${this.name}`).signal(name, payload);
  }

  /** @throws {SluiceError} `query.no-worker` while none has a warehouse of DuckDB open */
  readonly query: WarehouseQuery = async (sql) => {
    this.ending.throwIfAborted();
    return this.sink.query(sql);
  };

  /** Waits until a worker answers questions about the warehouse; no rows. */
  async workerAnswers(): Promise<readonly []> {
    const ask = (): Promise<boolean | undefined> =>
      this.query('SELECT 1').then(
        () => true,
        () => undefined,
      );
    await this.#eventually('a worker to answer', ANSWER_MS, ask);
    return [];
  }

  /** The status once it fulfils the condition; that nobody answers for a while is no failure. */
  async statusWhen(
    what: string,
    fulfilled: (status: PipelineView) => boolean,
    withinMs: number,
  ): Promise<PipelineView> {
    return this.#eventually(what, withinMs, async () => {
      const status = await this.status().catch(() => undefined);
      return status !== undefined && fulfilled(status) ? status : undefined;
    });
  }

  /** As {@link eventually}; when it fails, with what there is to see of the pipeline. */
  async #eventually<Answer>(
    what: string,
    withinMs: number,
    ask: () => Promise<Answer | undefined>,
  ): Promise<Answer> {
    const waiting = eventually(what, withinMs, ask, this.ending);
    this.#waits.add(waiting);
    try {
      return await waiting;
    } catch (cause) {
      this.ending.throwIfAborted();
      const status = await this.status().catch((error: unknown) => String(error));
      const seen = `${JSON.stringify(status, undefined, 2)}\n${await this.lastOfWorkerLog()}`;
      throw new Error(`${cause instanceof Error ? cause.message : String(cause)}\n${seen}`, {
        cause,
      });
    } finally {
      this.#waits.delete(waiting);
    }
  }

  /** How far capture is, once somebody knows; beyond `from` when given. */
  async commitOrdinal(withinMs: number, from = -1): Promise<number> {
    const ordinalOf = ({ progress }: PipelineView): number =>
      progress?.checkpoint?.commitOrdinal ?? -1;
    const what = `capture to go beyond commit ${from}`;
    return ordinalOf(await this.statusWhen(what, (status) => ordinalOf(status) > from, withinMs));
  }

  /** Waits until capture has read all there is and copies no table. Nobody may write meanwhile. */
  async caughtUp(withinMs: number): Promise<void> {
    const executed = await this.withSource(async (root) => {
      const [[row]] = await root.query<RowDataPacket[]>('SELECT @@GLOBAL.gtid_executed AS gtids');
      return parseGtidSet(String(row?.['gtids']));
    });
    // More may follow: others may write to other databases of the server.
    const hasRead = (gtidSet: string): boolean => executed.isSubsetOf(parseGtidSet(gtidSet));
    await this.statusWhen(
      'capture to have read everything and to copy no table',
      ({ progress }) =>
        progress?.checkpoint !== undefined &&
        hasRead(progress.checkpoint.gtidSet) &&
        progress.snapshot === undefined,
      withinMs,
    );
  }

  /**
   * Writes a row and waits until the warehouse shows it: everything committed before is then there.
   * Says nothing about rows that a snapshot has yet to read.
   */
  async settled(withinMs: number): Promise<void> {
    const id = await this.withSource(async (root) => {
      await root.query(`INSERT INTO \`${this.name}\`.markers () VALUES ()`);
      const [[row]] = await root.query<RowDataPacket[]>('SELECT LAST_INSERT_ID() AS id');
      return Number(row?.['id']);
    });
    const { asText, quote, view } = this.sink.dialect;
    const marker = `SELECT ${asText(quote('id'))} AS id FROM ${view(this.name, 'markers')} WHERE ${quote('id')} = ${id}`;
    await this.#eventually(`the warehouse to show marker ${id}`, withinMs, async () => {
      const rows = await this.query(marker).catch(() => []);
      return rows.length > 0 ? true : undefined;
    });
  }

  /** Waits until the topics say that a snapshot of every table has ended in this epoch or a later one. */
  async snapshotEnded(
    withinMs: number,
    { epoch = 1 }: { readonly epoch?: number } = {},
  ): Promise<void> {
    const tables = await this.withSource(async (root) => {
      const [rows] = await root.query<RowDataPacket[]>(
        'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ?',
        [this.name],
      );
      return rows.map((row) => `${this.name}.${String(row['name'])}`);
    });
    const control = `${this.name}.__sluice.control`;
    const first = epoch.toString(16).toUpperCase().padStart(8, '0');
    const missing = new Set(tables);
    const follow = async (signal: AbortSignal): Promise<void> => {
      const { brokers } = this.servers.kafka;
      for await (const { value } of tailTopic({
        brokers,
        topic: control,
        fromBeginning: true,
        signal,
      })) {
        const record = JSON.parse(value ?? '{}') as Partial<
          Record<'kind' | 'table' | 'seq', string>
        >;
        const { kind, table = '', seq = '' } = record;
        if (kind === 'snapshotEnd' && seq.slice(0, first.length) >= first) missing.delete(table);
        if (missing.size === 0) return;
      }
    };
    await this.#eventually('the snapshot to end', withinMs, async () => {
      // The topic may not be there yet, and its broker may go away.
      await follow(AbortSignal.any([this.ending, AbortSignal.timeout(FOLLOW_MS)])).catch(
        () => undefined,
      );
      return missing.size === 0 ? true : undefined;
    });
  }

  /** What the workers said last, for somebody who wonders why. */
  async lastOfWorkerLog(): Promise<string> {
    const text = await readFile(this.#log, 'utf8').catch(() => '');
    return `${text.trimEnd().split('\n').slice(-LOG_LINES).join('\n')}\n`;
  }

  async stopWorkers(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
  }

  /** Ends the workers at once, and removes workflows, topics, database and account. Files stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error(`the shop ${this.name} is closed`));
    await Promise.allSettled(this.#waits);
    for (const worker of this.#workers) worker.signal('SIGCONT');
    await Promise.all(this.#workers.map((worker) => worker.kill()));
    const workflows = [`cdc/${this.name}`, `cdc/${this.name}/sink/${SINK}`];
    await Promise.all(workflows.map((id) => this.#terminate(id)));
    await this.client.connection.close();
    await deleteTopics(this.servers.kafka.brokers, `${this.name}.`);
    await this.withSource(async (root) => {
      await root.query(`DROP DATABASE \`${this.name}\``);
      await root.query(`DROP USER ${root.escape(userOf(this.name))}`);
    });
  }

  async #terminate(workflowId: string): Promise<void> {
    try {
      await this.client.workflow.getHandle(workflowId).terminate('the demo has ended');
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
}

/** MySQL allows account names of 32 characters. */
const userOf = (name: string): string => `cdc_${name}`.slice(0, 32);

/**
 * Asks again and again until there is an answer.
 * @throws {Error} when there is none in time; the signal's reason once it is aborted
 */
export async function eventually<Answer>(
  what: string,
  withinMs: number,
  ask: () => Promise<Answer | undefined>,
  signal?: AbortSignal,
): Promise<Answer> {
  const deadlineMs = Date.now() + withinMs;
  for (;;) {
    signal?.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadlineMs)
      throw new Error(`waited ${withinMs / 1_000} s in vain for ${what}`);
    await sleep(POLL_MS);
  }
}
