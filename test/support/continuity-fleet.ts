import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { Random } from '../../demo/random.ts';
import { eventually, type Servers } from '../../demo/shop-pipeline.ts';
import { WorkerProcess } from '../../demo/worker-process.ts';
import { type GtidSet, parseGtidSet } from '../../src/change/gtid-set.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { BigQueryFront } from '../../tools/bigquery-front/bigquery-front.ts';
import { ContinuityLane, type LaneSurroundings } from './continuity-lane.ts';
import { judgeLane, type LaneVerdict } from './continuity-verdict.ts';
import { ownNamespace } from './own-namespace.ts';

const PASSWORD = { variable: 'SLUICE_CONTINUITY_PASSWORD', value: 'Sluice-continuity-1' };
const SOON_MS = 30_000;
const MOST_STATEMENTS = 10;
const LOG = 'worker.log';
const LOG_LINES = 30;
const SHOWN_JOBS = 3;

/** What happens to the worker, and so to every pipeline that it serves. */
export type SharedEvent = 'nothing' | 'kill' | 'stop' | 'purge';
export const SHARED_EVENTS = ['nothing', 'kill', 'stop', 'purge'] as const;

/** Pipelines of random schedules that one worker serves, and what happens to all of them at once. */
export class ContinuityFleet implements AsyncDisposable {
  readonly lanes: readonly ContinuityLane[];
  readonly events: Record<SharedEvent, number> = { nothing: 0, kill: 0, stop: 0, purge: 0 };
  readonly #surroundings: LaneSurroundings;
  readonly #namespace: string;
  readonly #random: Random;
  readonly #scope: AsyncDisposableStack;
  #worker: WorkerProcess | undefined;

  private constructor(
    lanes: readonly ContinuityLane[],
    surroundings: LaneSurroundings,
    namespace: string,
    seed: number,
    scope: AsyncDisposableStack,
  ) {
    this.lanes = lanes;
    this.#surroundings = surroundings;
    this.#namespace = namespace;
    this.#random = new Random(seed);
    this.#scope = scope;
  }

  /** @param servers  MySQL has to be the test's own, since its log is purged */
  static async open(
    servers: Servers,
    emulator: string | undefined,
    seed: number,
    size: number,
  ): Promise<ContinuityFleet> {
    await using scope = new AsyncDisposableStack();
    const id = `c${process.pid}_${Date.now().toString(36)}`;
    const folder = await mkdtemp(join(tmpdir(), 'sluice-continuity-'));
    scope.defer(() => rm(folder, { recursive: true, force: true }));
    const { place } = scope.use(await ownNamespace(servers.temporal, id));
    const client = await connectClient(place);
    scope.defer(() => client.connection.close());
    const front =
      emulator === undefined ? undefined : scope.use(await BigQueryFront.start(emulator));
    const root = await createConnection({ ...servers.mysql });
    scope.defer(() => root.end());
    const surroundings: LaneSurroundings = {
      servers: { ...servers, temporal: place },
      bigQuery: front?.endpoint,
      root,
      client,
      folder,
      password: PASSWORD,
      explain: async () => [...failedJobs(front), await lastLines(join(folder, LOG))].join('\n'),
    };
    const lanes = await Promise.all(
      Array.from({ length: size }, async (_, index) => {
        const lane = await ContinuityLane.open(surroundings, `${id}_${index}`, seed + index);
        return scope.use(lane);
      }),
    );
    const fleet = new ContinuityFleet(lanes, surroundings, id, seed, scope.move());
    fleet.#startWorker();
    return fleet;
  }

  async phase(event: SharedEvent): Promise<void> {
    this.events[event] += 1;
    for (const lane of this.lanes) lane.note(`phase: ${event}`);
    switch (event) {
      case 'nothing':
        await this.#each((lane) => this.#live(lane));
        break;
      case 'kill':
        await this.#killAmid();
        break;
      case 'stop':
      case 'purge':
        await this.#each((lane) => lane.write(MOST_STATEMENTS));
        await this.#worker?.stop();
        await this.#each((lane) => lane.disturb());
        await this.#each((lane) => lane.write(MOST_STATEMENTS));
        if (event === 'purge') await this.#purge();
        this.#startWorker();
        await this.#each((lane) => lane.write(MOST_STATEMENTS));
        if (event === 'purge')
          await this.#each(async (lane) => {
            await lane.resume();
            await lane.recover();
          });
        await this.#each((lane) => this.#live(lane));
    }
    await this.#each((lane) => lane.resume());
  }

  async restore(): Promise<void> {
    await this.#each((lane) => lane.restore());
  }

  /** Waits until every warehouse shows all there is, and compares. Nobody writes meanwhile. */
  async judge(isRestored = false): Promise<readonly LaneVerdict[]> {
    await this.#each((lane) => lane.takesAll());
    const first = await this.#marks();
    await this.#each((lane) => lane.captured(marked(first, lane)));
    // What a copy has read last may still be on its way to Kafka: a transaction behind it is not.
    const second = await this.#marks();
    await this.#each((lane) => lane.captured(marked(second, lane)));
    await this.#each((lane) => lane.shown(marked(second, lane)));
    return Promise.all(
      this.lanes.map((lane) => judgeLane(this.#surroundings.servers.mysql, lane, isRestored)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.kill();
    await this.#scope.disposeAsync();
  }

  #startWorker(): void {
    const { address } = this.#surroundings.servers.temporal;
    const env = { [PASSWORD.variable]: PASSWORD.value };
    const place = { address, namespace: this.#namespace, env };
    this.#worker = new WorkerProcess(place, join(this.#surroundings.folder, LOG), [
      '--log-level',
      'info',
    ]);
  }

  async #live(lane: ContinuityLane): Promise<void> {
    await lane.disturb();
    await lane.write(MOST_STATEMENTS);
    await lane.maybeSnapshot();
    await lane.write(MOST_STATEMENTS);
  }

  /** While some lanes still write. */
  async #killAmid(): Promise<void> {
    const living = this.lanes.map((lane) => this.#live(lane));
    await Promise.race(living);
    await this.#worker?.kill();
    for (const lane of this.lanes) lane.note('kill');
    if (this.#random.below(2) === 0) await Promise.all(living);
    this.#startWorker();
    await Promise.all(living);
  }

  /** Removes every binlog that a position of a lane needs. */
  async #purge(): Promise<void> {
    const { root } = this.#surroundings;
    const needed = [...(await this.#marks()).values()];
    await eventually('the binlogs to be purged', SOON_MS, async () => {
      const [dumps] = await root.query<RowDataPacket[]>(
        "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'",
      );
      for (const { id } of dumps) await root.query(`KILL ${Number(id)}`).catch(() => undefined);
      await root.query('FLUSH BINARY LOGS');
      const [[status]] = await root.query<RowDataPacket[]>('SHOW BINARY LOG STATUS');
      await root.query('PURGE BINARY LOGS TO ?', [status?.['File']]);
      const [[row]] = await root.query<RowDataPacket[]>('SELECT @@GLOBAL.gtid_purged AS gtids');
      const purged = parseGtidSet(String(row?.['gtids']));
      return needed.every((gtids) => gtids.isSubsetOf(purged)) ? true : undefined;
    });
    for (const lane of this.lanes) lane.note('purge');
  }

  /** One behind the other: the transactions of the first are not to hold the row of the second. */
  async #marks(): Promise<Marks> {
    const marks = new Map<ContinuityLane, GtidSet>();
    for (const lane of this.lanes) marks.set(lane, await lane.mark());
    return marks;
  }

  /** Nothing of it goes on when it rejects. */
  async #each(act: (lane: ContinuityLane) => Promise<void>): Promise<void> {
    const acting = this.lanes.map(act);
    await Promise.allSettled(acting);
    await Promise.all(acting);
  }
}

type Marks = ReadonlyMap<ContinuityLane, GtidSet>;

function marked(marks: Marks, lane: ContinuityLane): GtidSet {
  const gtids = marks.get(lane);
  if (!gtids) throw new Error(`${lane.name} has not been marked`);
  return gtids;
}

async function lastLines(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-LOG_LINES).join('\n');
}

/** The newest jobs of BigQuery that failed, whole. */
function failedJobs(front: BigQueryFront | undefined): readonly string[] {
  const jobs = [...(front?.jobs.values() ?? [])];
  const isFailed = (job: (typeof jobs)[number]): boolean =>
    (job as { readonly status?: { readonly errorResult?: unknown } }).status?.errorResult !==
    undefined;
  return jobs
    .filter(isFailed)
    .slice(-SHOWN_JOBS)
    .map((job) => JSON.stringify(job, undefined, 1));
}
