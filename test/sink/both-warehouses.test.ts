import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BigQueryDestination } from '../../src/bigquery/bigquery-destination.ts';
import { parseStops } from '../../src/bigquery/stored-stops.ts';
import type { Sequence } from '../../src/change/sequence.ts';
import { type TableName, tableName } from '../../src/change/table.ts';
import type { ChangeRow, Destination, SinkBatch } from '../../src/sink/destination.ts';
import { cutOfTable } from '../../src/sink/table-stop.ts';
import type { ControlRecord } from '../../src/topic/control-record.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { tableTopic } from '../../src/topic/topic-name.ts';
import { MemoryBigQuery } from '../bigquery/memory-bigquery.ts';
import { memoryDestination } from '../bigquery/memory-destination.ts';
import {
  change,
  cutAt,
  integer,
  openWarehouse,
  rowsOf,
  schemaOf,
  seqAt,
  tempFolder,
  varchar,
} from '../duckdb/warehouse.ts';
import { MemorySinkLog } from './memory-sink-log.ts';

const SCHEMAS = ['shop.orders', 'shop.items'].map((name) =>
  schemaOf(name, [
    ['id', integer],
    ['note', varchar],
  ]),
);
const NAMES = SCHEMAS.map(({ id }) => tableName(id));
const TOPICS = SCHEMAS.map(({ id }) => tableTopic('shop', id));

type Step =
  | { readonly kind: 'write'; readonly table: number; readonly id: number; readonly note: string }
  /** The log does not have it; the pipeline says that the table, or every table, is broken. */
  | {
      readonly kind: 'lose';
      readonly table: number;
      readonly id: number;
      readonly says: 'tableGap' | 'gap';
    }
  /** The copy is to begin, or to end, with a sweep or without. */
  | { readonly kind: 'copy'; readonly table: number; readonly sweeps: boolean }
  | {
      readonly kind: 'delete' | 'truncate' | 'poison' | 'follow' | 'drop';
      readonly table: number;
      readonly id: number;
    }
  /** Everything up to here is published. Its control records may come in a piece before. */
  | { readonly kind: 'cut'; readonly inPieces: boolean };

const table = fc.nat({ max: 1 });
const id = fc.nat({ max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      table,
      id,
      note: fc.constantFrom('a', 'b', "it's"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('lose' as const),
      table,
      id,
      says: fc.constantFrom('tableGap' as const, 'gap' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('copy' as const), table, sweeps: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'delete' as const,
        'truncate' as const,
        'poison' as const,
        'follow' as const,
        'drop' as const,
      ),
      table,
      id,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('cut' as const), inPieces: fc.boolean() }),
  },
);

/** A copy from its beginning to its end, with something else in between. */
const copied: fc.Arbitrary<readonly Step[]> = fc
  .record({ table, between: fc.array(step, { maxLength: 2 }), sweeps: fc.boolean(), id })
  .chain(({ table: of, between, sweeps, id: lost }) => {
    const copy = { kind: 'copy', table: of, sweeps } as const;
    const lose = { kind: 'lose', table: of, id: lost, says: 'tableGap' } as const;
    return fc
      .boolean()
      .map((loses) => [copy, ...between, ...(loses ? [lose] : []), copy] satisfies Step[]);
  });

const scenario = fc
  .array(
    fc.oneof({ weight: 3, arbitrary: step.map((one) => [one]) }, { weight: 1, arbitrary: copied }),
    {
      minLength: 8,
      maxLength: 20,
    },
  )
  .map((list) => list.flat());

interface SourceTable {
  /** What the source holds; the truth. */
  readonly rows: Map<number, string>;
  exists: boolean;
  followed: boolean;
  copySince: number | undefined;
}

/** Source and capture in one: what the tables hold, and what the topics say of it. */
class Model {
  readonly tables: readonly SourceTable[] = NAMES.map(() => ({
    rows: new Map(),
    exists: true,
    followed: true,
    copySince: undefined,
  }));
  readonly topics: readonly ChangeRow[][] = NAMES.map(() => []);
  readonly control: ControlRecord[] = [];
  ordinal = 0;

  constructor() {
    this.ordinal += 1;
    for (const at of NAMES.keys()) this.#announce(at, 2 * at);
  }

  take(one: Exclude<Step, { kind: 'cut' }>): void {
    const of = this.tables[one.table]!;
    const name = NAMES[one.table]!;
    this.ordinal += 1;
    const seq = seqAt(this.ordinal, 1);
    switch (one.kind) {
      case 'write':
        if (!of.exists) return;
        of.rows.set(one.id, one.note);
        this.#log(one.table, 'u', one.id, one.note);
        return;
      case 'delete':
        if (!of.rows.delete(one.id)) return;
        this.#log(one.table, 'd', one.id, '');
        return;
      case 'truncate':
        of.rows.clear();
        if (of.exists && of.followed) this.control.push({ kind: 'truncate', seq, table: name });
        return;
      case 'lose':
        if (!of.exists) return;
        if (!of.rows.delete(one.id)) of.rows.set(one.id, 'unheard of');
        if (one.says === 'gap')
          this.control.push({ kind: 'gap', seq, cause: 'purged', from: '', to: '' });
        else if (of.followed)
          this.control.push({
            kind: 'tableGap',
            seq,
            table: name,
            cause: 'rewritten',
            followed: true,
          });
        return;
      case 'poison':
        // The source does not have it any more when it is copied again.
        if (of.exists) this.#log(one.table, 'c', POISONED, '');
        return;
      case 'follow':
        if (!of.exists) return;
        of.followed = !of.followed;
        of.copySince = undefined;
        this.control.push({
          kind: 'tableGap',
          seq,
          table: name,
          cause: 'excluded',
          followed: of.followed,
        });
        return;
      case 'copy':
        if (of.exists && of.followed) this.#copy(one.table, one.sweeps);
        return;
      case 'drop':
        this.#drop(one.table, seq);
    }
  }

  #copy(at: number, sweeps: boolean): void {
    const of = this.tables[at]!;
    const shared = { table: NAMES[at]! };
    if (of.copySince === undefined) {
      of.copySince = this.ordinal;
      const snapshotId = `s${this.ordinal}`;
      this.control.push({
        kind: 'snapshotBegin',
        seq: seqAt(this.ordinal, 1),
        ...shared,
        snapshotId,
      });
      this.#read(at, (key) => key % 2 === 0);
      return;
    }
    const since = of.copySince;
    of.copySince = undefined;
    this.#read(at, (key) => key % 2 === 1);
    this.ordinal += 1;
    const snapshotId = `s${since}`;
    const covers = seqAt(since, 1);
    if (sweeps)
      this.control.push({
        kind: 'sweep',
        seq: seqAt(this.ordinal, 0),
        ...shared,
        olderThan: covers,
      });
    this.control.push({
      kind: 'snapshotEnd',
      seq: seqAt(this.ordinal, 2),
      ...shared,
      snapshotId,
      ...(sweeps ? { covers } : {}),
    });
  }

  /** One half when the copy begins, and one when it ends: what is lost in between is not read again. */
  #read(at: number, isRead: (key: number) => boolean): void {
    const chunk = [...this.tables[at]!.rows].filter(([key]) => isRead(key));
    for (const [index, [key, note]] of chunk.entries())
      this.#log(at, 'r', key, note, 2 * index + 3);
  }

  #drop(at: number, seq: Sequence): void {
    const of = this.tables[at]!;
    if (!of.followed) return;
    of.exists = !of.exists;
    of.rows.clear();
    of.copySince = undefined;
    if (of.exists) {
      this.#announce(at, 0);
      return;
    }
    this.control.push({ kind: 'truncate', seq, table: NAMES[at]! });
    this.control.push({ kind: 'tableDropped', seq: seqAt(this.ordinal, 3), table: NAMES[at]! });
  }

  #announce(at: number, row: number): void {
    this.control.push({
      kind: 'schema',
      seq: seqAt(this.ordinal, row),
      table: NAMES[at]!,
      schemaId: schemaIdOf(SCHEMAS[at]!),
    });
  }

  #log(at: number, op: ChangeRow['op'], key: number, note: string, row = 1): void {
    if (!this.tables[at]!.followed) return;
    this.topics[at]!.push({
      ...change(SCHEMAS[at]!, op, [BigInt(key), note], this.ordinal, row),
      offset: this.topics[at]!.length,
    });
  }
}

const POISONED = 99;

/** A warehouse with the part of a sink's session that reads on, reads again and leaves out. */
class Reader {
  readonly #destination: Destination;
  readonly #poisoned: (row: ChangeRow) => ChangeRow;
  readonly #next = NAMES.map(() => 0);
  #control = 0;

  constructor(destination: Destination, poisoned: (row: ChangeRow) => ChangeRow) {
    this.#destination = destination;
    this.#poisoned = poisoned;
  }

  async publish(model: Model, inPieces: boolean): Promise<void> {
    const without = new Set<string>();
    for (const { topic, readAgain, offsets } of this.#destination.stopped()) {
      if (readAgain === 'never') without.add(topic);
      else this.#next[TOPICS.indexOf(topic)] = offsets[0]?.offset ?? 0;
    }
    const control = model.control.slice(this.#control);
    this.#control = model.control.length;
    const rest = inPieces ? [] : control;
    if (inPieces) await this.#apply(without, { tables: [], control, offsets: [], cut: undefined });
    const read = [...NAMES.keys()].filter((at) => !without.has(TOPICS[at]!));
    const tables = read.flatMap((at) => {
      const rows = model.topics[at]!.slice(this.#next[at]);
      return rows.length === 0
        ? []
        : [
            rowsOf(
              SCHEMAS[at]!,
              rows.map((row) => this.#sent(row)),
            ),
          ];
    });
    const offsets = read.map((at) => ({
      topic: TOPICS[at]!,
      partition: 0,
      offset: model.topics[at]!.length,
    }));
    for (const at of read) this.#next[at] = model.topics[at]!.length;
    await this.#apply(without, { tables, control: rest, offsets, cut: cutAt(model.ordinal) });
  }

  #sent(row: ChangeRow): ChangeRow {
    return row.key.includes(String(POISONED)) ? this.#poisoned(row) : row;
  }

  async #apply(without: Set<string>, batch: Omit<SinkBatch, 'schemas'>): Promise<void> {
    const schemas = new Map(SCHEMAS.map((schema) => [schemaIdOf(schema), schema]));
    const left = without.size === 0 ? {} : { without: TOPICS.filter((t) => without.has(t)) };
    for (const topic of await this.#destination.apply({ ...batch, ...left, schemas }))
      without.add(topic);
  }
}

type Statuses = readonly (readonly [table: string, status: string])[];
type Rows = readonly (readonly [id: number, note: string])[];

function inBigQuery(service: MemoryBigQuery): { statuses: Statuses; rows: (at: number) => Rows } {
  const lastSequence = service.checkpoint?.[9] as Sequence;
  const stopped = parseStops(service.checkpoint?.[13]);
  return {
    statuses: [...service.entries]
      .flatMap(([name, { status }]) =>
        typeof status === 'string' ? [[name, status] as const] : [],
      )
      .sort(),
    rows: (at) => {
      const shown = cutOfTable({ stopped, cut: { ...cutAt(0), lastSequence } }, NAMES[at]!);
      const { database, table: of } = SCHEMAS[at]!.id;
      return service
        .live(`${database}__${of}__changes`, (seq) => seq <= (shown?.lastSequence ?? ''))
        .map((line) => [Number(line.id), String(line['note'])] as const)
        .sort();
    },
  };
}

function bigQuery(service: MemoryBigQuery): BigQueryDestination {
  const log = new MemorySinkLog();
  log.record = { v: 1, warehouse: { id: 'w1', state: 'ready' } };
  return memoryDestination(service, log);
}

/**
 * Whatever has become of a table, in the end it is followed, copied and swept. A warehouse that does
 * not say which row it has refused takes the newest of them for it, so that a table may stop behind
 * the beginning of the copy that was to bring it back: the next one does.
 */
function healed(model: Model, publish: () => Promise<void>): () => Promise<void> {
  return async () => {
    await publish();
    for (const [at, of] of model.tables.entries()) {
      if (!of.followed) model.take({ kind: 'follow', table: at, id: 0 });
      if (!of.exists) model.take({ kind: 'drop', table: at, id: 0 });
      of.copySince = undefined;
    }
    for (let copies = 0; copies < 2; copies += 1) {
      for (const at of NAMES.keys()) model.take({ kind: 'copy', table: at, sweeps: true });
      await publish();
      for (const at of NAMES.keys()) model.take({ kind: 'copy', table: at, sweeps: true });
      await publish();
    }
    await publish();
  };
}

function viewOf(table: string): string {
  const [schema = '', name = ''] = table.split('.');
  return `SELECT 1 FROM duckdb_views() WHERE schema_name = '${schema}' AND view_name = '${name}'`;
}

describe('DuckDB and BigQuery', () => {
  it('say the same of every table, and a consistent one has exactly the rows of the source', async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(scenario, async (steps) => {
        using folder = tempFolder();
        await using warehouse = await openWarehouse(join(folder.path, 'a.duckdb'));
        const service = new MemoryBigQuery();
        // Like DuckDB, it does not say which of a table's rows it is.
        service.refuses = ({ file }) => gunzipSync(file).includes('poison');
        const destination = bigQuery(service);
        await destination.create({ warehouseId: 'w1' });
        const model = new Model();
        const readers = [
          new Reader(warehouse.destination, (row) => ({ ...row, row: '{"id":"x","note":""}' })),
          new Reader(destination, (row) => ({ ...row, row: '{"id":99,"note":"poison"}' })),
        ];
        const publish = async (inPieces = false): Promise<void> => {
          for (const reader of readers) await reader.publish(model, inPieces);
          const statuses = (await warehouse.query(
            'SELECT table_name, status FROM _cdc_status ORDER BY ALL',
          )) as unknown as Statuses;
          const { statuses: same, rows } = inBigQuery(service);
          expect(statuses).toEqual(same);
          for (const [name, status] of statuses) {
            seen.set(status, (seen.get(status) ?? 0) + 1);
            const at = NAMES.indexOf(name as TableName);
            // One that was dropped, made again and stopped shows nothing yet: it stands where it was gone.
            const hasView = (await warehouse.query(viewOf(name))).length > 0;
            if (!hasView) expect(status).toBe('stopped');
            const shown = hasView
              ? await warehouse.query(`SELECT id, note FROM ${name} ORDER BY id`)
              : [];
            const inDuckDb = shown.map(([key, note]) => [Number(key), note]);
            expect(inDuckDb).toEqual(rows(at));
            if (status === 'consistent')
              expect(inDuckDb).toEqual([...model.tables[at]!.rows].sort());
          }
        };
        for (const one of steps)
          if (one.kind === 'cut') await publish(one.inPieces);
          else model.take(one);
        await healed(model, publish)();
        expect(inBigQuery(service).statuses.map(([, status]) => status)).toEqual([
          'consistent',
          'consistent',
        ]);
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
    for (const status of ['consistent', 'gap', 'snapshotting', 'stopped'])
      expect(seen.get(status)).toBeGreaterThan(RUNS / 10);
  }, 240_000);
});

const RUNS = 40;
