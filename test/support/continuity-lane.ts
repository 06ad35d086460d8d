import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { stringify } from 'yaml';
import { Random } from '../../demo/random.ts';
import { deleteTopics } from '../../demo/read-topics.ts';
import { eventually, type Servers } from '../../demo/shop-pipeline.ts';
import { type GtidSet, parseGtidSet } from '../../src/change/gtid-set.ts';
import { parsePipeline } from '../../src/config/pipeline-file.ts';
import { STATUS_QUERY } from '../../src/control/messages.ts';
import { pipelineWorkflowId, sinkWorkflowId } from '../../src/control/names.ts';
import type { PipelineState } from '../../src/control/pipeline-state.ts';
import { PipelineClient, type PipelineView } from '../../src/temporal/pipeline-client.ts';
import { BIGQUERY_PROJECT } from '../../tools/stack/bigquery.ts';
import { askedBigQuery, askedDuckDb } from './asked-warehouses.ts';
import { PositionsWatch } from './positions-watch.ts';
import { RandomStatements, TABLE_NAMES } from './random-statements.ts';
import { type AskedWarehouse, shownGtids } from './warehouse-truth.ts';

export interface LaneSurroundings {
  readonly servers: Servers;
  /** Of the front before BigQuery's emulator; without one, DuckDB is the only warehouse. */
  readonly bigQuery: string | undefined;
  readonly root: Connection;
  readonly client: Client;
  readonly folder: string;
  /** Of the account that every lane makes for itself. */
  readonly password: { readonly variable: string; readonly value: string };
  /** What there is to see besides, for somebody who wonders why nothing happens. */
  readonly explain: () => Promise<string>;
}

/** A table that is always followed: its rows move the cut of every warehouse. */
const MARKS = 'marks';
const SINKS = ['duck', 'big'] as const;
const ANSWER_MS = 2_500;
const WITHIN_MS = 120_000;
const WHO = { by: 'continuity test' };
const STREAM = { heartbeatTimeoutMs: 6_000, idleMs: 20 };

/** A pipeline over a database of its own, into both warehouses, to which things happen by chance. */
export class ContinuityLane implements AsyncDisposable {
  readonly name: string;
  readonly statements: RandomStatements;
  readonly warehouses: readonly AskedWarehouse[];
  /** What happened to the pipeline, by kind. */
  readonly events: Record<string, number> = {};
  excluded: readonly string[] = [];
  hidden: readonly string[] = [];
  readonly #surroundings: LaneSurroundings;
  readonly #random: Random;
  readonly #control: PipelineClient;
  readonly #positions: PositionsWatch;
  #isPaused = false;

  private constructor(
    surroundings: LaneSurroundings,
    name: string,
    seed: number,
    statements: RandomStatements,
  ) {
    this.name = name;
    this.statements = statements;
    this.#surroundings = surroundings;
    this.#random = new Random(seed ^ 0x5eed);
    this.#control = new PipelineClient(surroundings.client, { answerTimeoutMs: ANSWER_MS });
    this.#positions = new PositionsWatch(surroundings.servers.kafka.brokers, name);
    this.warehouses = [
      askedDuckDb(join(surroundings.folder, `${name}.duckdb`)),
      ...(surroundings.bigQuery === undefined ? [] : [askedBigQuery(surroundings.bigQuery, name)]),
    ];
  }

  static async open(
    surroundings: LaneSurroundings,
    name: string,
    seed: number,
  ): Promise<ContinuityLane> {
    const { root, password, servers } = surroundings;
    const statements = await RandomStatements.open(servers.mysql, name, seed);
    await root.query(`CREATE USER ${name} IDENTIFIED BY '${password.value}'`);
    await root.query(`GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO ${name}`);
    await root.query(`CREATE TABLE ${name}.${MARKS} (id INT AUTO_INCREMENT PRIMARY KEY)`);
    const lane = new ContinuityLane(surroundings, name, seed, statements);
    await lane.#grant([]);
    await lane.#apply();
    return lane;
  }

  /** @param kind  under which it is counted */
  note(event: string, kind?: string): void {
    if (kind !== undefined) this.events[kind] = (this.events[kind] ?? 0) + 1;
    this.statements.log.push(`-- ${event}`);
  }

  write(most: number): Promise<void> {
    return this.statements.act(1 + this.#random.below(most));
  }

  /**
   * Commits a row behind all that has been written here, and gives all transactions there are then.
   * A warehouse need not
   * write down transactions without a row of the pipeline, so each pipeline waits for its own.
   */
  async mark(): Promise<GtidSet> {
    const { root } = this.#surroundings;
    await root.query(`INSERT INTO ${this.name}.${MARKS} VALUES ()`);
    const [[row]] = await root.query<RowDataPacket[]>('SELECT @@GLOBAL.gtid_executed AS gtids');
    return parseGtidSet(String(row?.['gtids']));
  }

  /** Tables are left out or taken in, rights are taken and given back, the pipeline is paused. */
  async disturb(): Promise<void> {
    if (this.#chance(40)) await this.#exclude(this.#someNames());
    if (this.#chance(40)) await this.#grant(this.#someNames());
    if (this.#chance(20)) await this.#pause();
  }

  async maybeSnapshot(): Promise<void> {
    if (!this.#chance(35)) return;
    const names = this.#someNames();
    const tables = (names.length === 0 ? ['*'] : names).map((name) => `${this.name}.${name}`);
    this.note(`snapshot of ${tables.join(', ')}`, 'requested snapshot');
    await this.#control.requestSnapshot(this.name, { ...WHO, tables });
  }

  async resume(): Promise<void> {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.note('resume', 'resume');
    // On a busy machine a command may be left with the server, and be taken a while later.
    let isAsked = false;
    await this.#orSay('PAUSED, to be resumed', () =>
      eventually('PAUSED', WITHIN_MS, async () => {
        const { state } = await this.#control.status(this.name);
        // A stream that finds its position purged is in GAP, and cannot be paused.
        if (state === 'GAP') return true;
        if (state !== 'PAUSED') return isAsked ? true : undefined;
        await this.#control.resume(this.name, WHO).catch(() => undefined);
        isAsked = true;
        return undefined;
      }),
    );
  }

  /** Waits for the GAP that a purge has made, and answers it. */
  async recover(): Promise<void> {
    const { incident } = await this.#stateWhen('GAP');
    if (incident?.code !== 'binlog.purged')
      throw new Error(`GAP by ${incident?.code ?? 'nothing'}`);
    this.note('GAP', 'gap');
    await this.write(6);
    const names = this.#chance(50) ? [] : this.#someNames();
    const tables = names.map((name) => `${this.name}.${name}`);
    this.note(`recover ${tables.join(', ')}`, tables.length === 0 ? 'recover all' : 'recover some');
    await this.#control.recover(this.name, {
      ...WHO,
      incidentId: incident.id,
      action: 'resnapshot',
      ...(tables.length > 0 ? { tables } : {}),
    });
  }

  /** Everything is allowed and taken in, and a copy of everything asked for. */
  async restore(): Promise<void> {
    await this.#grant([]);
    await this.#exclude([]);
    this.note('snapshot of everything', 'requested snapshot');
    await this.#control.requestSnapshot(this.name, { ...WHO, tables: [`${this.name}.*`] });
  }

  /** Waits until the stream runs with the newest configuration and has taken every command. */
  async takesAll(): Promise<void> {
    await this.#stateWhen(
      'STREAMING',
      ({ pending, snapshots }) => pending.length + snapshots.length === 0,
    );
  }

  /** Waits until the position covers the transactions and no table that is followed awaits its copy. */
  async captured(gtids: GtidSet): Promise<void> {
    await this.#orSay('capture to have everything', (signal) =>
      this.#positions.until(({ checkpoint, plan, tables }) => {
        if (!checkpoint || checkpoint.open) return false;
        const due = plan.tables.filter(({ table }) => tables.get(table)?.state.kind === 'followed');
        return due.length === 0 && gtids.isSubsetOf(parseGtidSet(checkpoint.gtidSet));
      }, signal),
    );
  }

  /** Waits until both warehouses show the transactions. */
  async shown(gtids: GtidSet): Promise<void> {
    await Promise.all(
      this.warehouses.map((warehouse) =>
        this.#orSay(`${warehouse.name} to show everything`, () =>
          eventually(warehouse.name, WITHIN_MS, async () => {
            const shown = await shownGtids(warehouse).catch(() => undefined);
            if (shown === undefined) return undefined;
            return gtids.isSubsetOf(parseGtidSet(shown)) ? true : undefined;
          }),
        ),
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { root, client, servers } = this.#surroundings;
    const sinks = SINKS.map((sink) => sinkWorkflowId(this.name, sink));
    for (const id of [pipelineWorkflowId(this.name), ...sinks])
      await client.workflow
        .getHandle(id)
        .terminate('the test has ended')
        .catch(() => undefined);
    await this.#positions[Symbol.asyncDispose]();
    await this.statements[Symbol.asyncDispose]();
    await root.query(`DROP USER ${this.name}`);
    await deleteTopics(servers.kafka.brokers, `${this.name}.`);
  }

  #chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }

  #someNames(): readonly string[] {
    const from = this.#random.below(TABLE_NAMES.length);
    return TABLE_NAMES.slice(from, from + this.#random.below(3));
  }

  async #pause(): Promise<void> {
    this.#isPaused = true;
    this.note('pause', 'pause');
    await this.#control.pause(this.name, WHO);
  }

  async #exclude(names: readonly string[]): Promise<void> {
    if (names.join() === this.excluded.join()) return;
    this.note(`exclude ${names.join(', ') || 'nothing'}`, 'change of exclude');
    this.excluded = names;
    await this.#apply();
  }

  /** Rights on every table but the hidden ones; of some of those the account sees the name only. */
  async #grant(hidden: readonly string[]): Promise<void> {
    const { root } = this.#surroundings;
    this.hidden = hidden;
    await root.query(`REVOKE IF EXISTS ALL PRIVILEGES ON ${this.name}.* FROM ${this.name}`);
    for (const name of [MARKS, ...TABLE_NAMES])
      await root.query(`REVOKE IF EXISTS ALL PRIVILEGES ON ${this.name}.${name} FROM ${this.name}`);
    this.note(`hide ${hidden.join(', ') || 'nothing'}`, 'change of grants');
    if (hidden.length === 0) {
      await root.query(`GRANT SELECT ON ${this.name}.* TO ${this.name}`);
      return;
    }
    for (const name of [MARKS, ...TABLE_NAMES]) {
      // Rights on a table that is not there are given together with the one to make it.
      const rights = hidden.includes(name) ? 'INSERT, CREATE' : 'SELECT, CREATE';
      if (hidden.includes(name) && this.#chance(50)) continue;
      await root.query(`GRANT ${rights} ON ${this.name}.${name} TO ${this.name}`);
    }
  }

  async #apply(): Promise<void> {
    const { servers, folder, bigQuery, password } = this.#surroundings;
    const { host, port } = servers.mysql;
    const pipeline = {
      pipeline: this.name,
      source: {
        kind: 'mysql',
        host,
        port,
        user: this.name,
        password: { env: password.variable },
        include: [`${this.name}.*`],
        exclude: this.excluded.map((name) => `${this.name}.${name}`),
      },
      kafka: { brokers: servers.kafka.brokers, prefix: this.name, partitions: 2, replication: 1 },
      sinks: {
        duck: { kind: 'duckdb', file: `${this.name}.duckdb`, commitIntervalMs: 100 },
        ...(bigQuery === undefined
          ? {}
          : {
              big: {
                kind: 'bigquery',
                project: BIGQUERY_PROJECT,
                location: 'US',
                endpoint: bigQuery,
                loadIntervalMs: 1_000,
              },
            }),
      },
      snapshot: { mode: 'initial', chunkRows: 7 },
      stream: STREAM,
    };
    const context = { file: `${this.name}.yaml`, folder, host: hostname() };
    await this.#control.apply({ spec: parsePipeline(stringify(pipeline), context) });
  }

  async #stateWhen(
    phase: PipelineState['phase'],
    fulfilled: (state: PipelineState) => boolean = () => true,
  ): Promise<PipelineView> {
    const workflow = this.#surroundings.client.workflow.getHandle(pipelineWorkflowId(this.name));
    await this.#orSay(phase, () =>
      eventually(`${phase} with nothing pending`, WITHIN_MS, async () => {
        const state = await workflow.query<PipelineState>(STATUS_QUERY).catch(() => undefined);
        if (state?.phase === 'BLOCKED') throw new Error('the pipeline is BLOCKED');
        return state?.phase === phase && fulfilled(state) ? true : undefined;
      }),
    );
    return this.#control.status(this.name);
  }

  async #orSay(what: string, wait: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    try {
      await wait(AbortSignal.timeout(WITHIN_MS));
    } catch (cause) {
      const status = await this.#control.status(this.name).catch(String);
      throw new Error(
        `${this.name} waited in vain for ${what}: ${String(cause)}\n${JSON.stringify(status, undefined, 2)}\n${await this.#surroundings.explain()}\n${this.story()}`,
        { cause },
      );
    }
  }

  /** What has happened last. */
  story(): string {
    return this.statements.log.join(';\n');
  }
}
