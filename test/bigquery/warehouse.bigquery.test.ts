import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { BigQueryDestination } from '../../src/bigquery/bigquery-destination.ts';
import type { BigQueryContext, WritePath } from '../../src/bigquery/context.ts';
import { estimateReads, readTables, readUsage } from '../../src/bigquery/cost-report.ts';
import { GrpcWriteStreams } from '../../src/bigquery/grpc-streams.ts';
import { loggedPlans } from '../../src/bigquery/load-plan.ts';
import { type BigQueryLayout, bigQueryLayout } from '../../src/bigquery/names.ts';
import { ProtoWriter } from '../../src/bigquery/proto-writer.ts';
import { RestBigQuery } from '../../src/bigquery/rest-service.ts';
import { rowDescriptor, rowFields } from '../../src/bigquery/row-fields.ts';
import type { WriteStreams } from '../../src/bigquery/write-streams.ts';
import type { ColumnValue } from '../../src/change/column-value.ts';
import { BEFORE_ALL } from '../../src/change/sequence.ts';
import type { ColumnType, TableComments, TableName, TableSchema } from '../../src/change/table.ts';
import { SluiceError } from '../../src/errors/error.ts';
import { judgeFailure } from '../../src/errors/policy.ts';
import type { ChangeRow, SinkBatch } from '../../src/sink/destination.ts';
import type { SinkKillPoint } from '../../src/sink/kill-points.ts';
import type { ControlRecord } from '../../src/topic/control-record.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import { BigQueryFront, type HttpFault } from '../../tools/bigquery-front/bigquery-front.ts';
import { batch, change, integer, rowsOf, schemaOf, seqAt, varchar } from '../duckdb/warehouse.ts';
import { MemorySinkLog } from '../sink/memory-sink-log.ts';
import { SkippingClock } from './skipping-clock.ts';

/** Address of an emulator, as `http://127.0.0.1:9050`. */
const ENDPOINT = process.env['SLUICE_TEST_BIGQUERY'] ?? '';
/** Address of its Storage Write API, as `127.0.0.1:9060`. */
const STORAGE = process.env['SLUICE_TEST_BIGQUERY_STORAGE'] ?? '';

const ORDERS = schemaOf('shop.orders', [
  ['id', integer],
  ['note', varchar],
]);

const ORDERS_NAME = 'shop.orders' as TableName;

interface Warehouse {
  readonly service: RestBigQuery;
  readonly layout: BigQueryLayout;
  readonly destination: BigQueryDestination;
  /** The same warehouse for another worker, told to reject rows. */
  readonly rejecting: BigQueryDestination;
  /** The query's `{shop}` is the dataset of the views, `{own}` the internal one. */
  readonly rows: (sql: string) => Promise<readonly (readonly (string | null)[])[]>;
  /** Of a table in the internal dataset. */
  readonly descriptionOf: (table: string) => Promise<string | undefined>;
  /** Name of the internal dataset. */
  readonly internal: string;
}

/** Of the sinks and of BigQuery, so that who has to wait does not. */
const CLOCK = new SkippingClock();

let datasets = 0;
let shared: BigQueryFront | undefined;

const allStreams = new GrpcWriteStreams({
  project: 'demo',
  address: STORAGE,
  authorization: () => Promise.resolve({}),
  signal: new AbortController().signal,
});

afterAll(async () => {
  await shared?.[Symbol.asyncDispose]();
  await allStreams.close();
});

async function sharedFront(): Promise<BigQueryFront> {
  shared ??= await BigQueryFront.start(ENDPOINT, { nowMs: CLOCK.nowMs });
  return shared;
}

interface WarehouseOptions {
  readonly writePath: WritePath;
  /** Whether every call of `compact` folds what there is; so it is when absent. */
  readonly folds?: boolean;
  readonly changesExpireDays?: number;
  readonly reach?: (point: SinkKillPoint) => void;
  readonly nowMs?: () => number;
  /** Of its own, for a test that has it go wrong. */
  readonly front?: BigQueryFront;
  readonly streams?: WriteStreams;
}

async function warehouseBy({
  writePath,
  folds = true,
  reach = () => {},
  nowMs = CLOCK.nowMs,
  front,
  streams = allStreams,
  ...settings
}: WarehouseOptions): Promise<Warehouse> {
  datasets += 1;
  const suffix = `${process.pid}_${datasets}`;
  const { endpoint } = front ?? (await sharedFront());
  const service = new RestBigQuery({
    project: 'demo',
    location: 'US',
    endpoint,
    authorization: () => Promise.resolve({}),
    labels: {},
  });
  const layout = bigQueryLayout('demo', `sluice_${suffix}`, {
    dataset: `{database}_${suffix}`,
    table: '{table}',
  });
  const never = Number.MAX_SAFE_INTEGER;
  const log = new MemorySinkLog();
  const warehouseId = `w-${suffix}`;
  log.record = { v: 1, warehouse: { id: warehouseId, state: 'ready' } };
  const context: BigQueryContext = {
    service,
    streams,
    writePath,
    pipeline: 'shop',
    sink: 'bq',
    prefix: 'shop',
    layout,
    tables: { labels: {}, ...settings },
    plans: loggedPlans(log),
    compactionPriority: 'INTERACTIVE',
    onRefusedRow: 'stop',
    onRefused: () => {},
    quietCommitMs: 0,
    folding: folds
      ? { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0, minAgeMs: 0 }
      : { minDeltaRows: never, stateFraction: never, maxAgeMs: never, minAgeMs: never },
    clock: { nowMs, sleep: CLOCK.sleep },
    reach,
    signal: new AbortController().signal,
  };
  const destination = new BigQueryDestination(context);
  const rejecting = new BigQueryDestination({ ...context, onRefusedRow: 'reject' });
  await destination.create({ warehouseId });
  return {
    service,
    layout,
    destination,
    rejecting,
    internal: layout.internal,
    rows: (sql) =>
      service.rows(
        sql
          .replaceAll('{shop}', `demo.shop_${suffix}`)
          .replaceAll('{own}', `demo.sluice_${suffix}`),
      ),
    descriptionOf: async (table) => {
      const path = `bigquery/v2/projects/demo/datasets/sluice_${suffix}/tables/${table}`;
      const answer = await fetch(`${endpoint}/${path}`);
      return ((await answer.json()) as { description?: string }).description;
    },
  };
}

/** As BigQuery writes it: the emulator writes every place of a NUMERIC, and a blank in a DATETIME. */
const normal = (row: readonly (string | null)[]): readonly (string | null)[] =>
  row.map(
    (text) =>
      text
        ?.replace(/^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)$/, '$1T$2')
        .replace(/^(-?\d+)\.(\d*?)0+$/, (_, whole: string, digits: string) =>
          digits === '' ? whole : `${whole}.${digits}`,
        ) ?? null,
  );

const CURRENT = 'SELECT o.id, o.note FROM {shop}.orders AS o ORDER BY o.id';

const PATHS: readonly WritePath[] =
  ENDPOINT !== '' && STORAGE === '' ? ['load-jobs'] : ['load-jobs', 'storage-write'];

describe.skipIf(ENDPOINT === '').each(PATHS)(
  'a BigQuery warehouse by %s, asked in SQL',
  (writePath) => {
    const newWarehouse = (options: Omit<WarehouseOptions, 'writePath'> = {}): Promise<Warehouse> =>
      warehouseBy({ writePath, ...options });

    it('shows what the source holds, after any changes, folds and cuts', async () => {
      const step = fc.oneof(
        {
          weight: 6,
          arbitrary: fc.record({
            kind: fc.constant('row' as const),
            id: fc.integer({ min: 1, max: 4 }),
            deleted: fc.boolean(),
          }),
        },
        { weight: 1, arbitrary: fc.constant({ kind: 'truncate' as const }) },
        { weight: 2, arbitrary: fc.constant({ kind: 'fold' as const }) },
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(step, { maxLength: 4 }), { minLength: 1, maxLength: 4 }),
          async (rounds) => {
            const { destination, rows } = await newWarehouse();
            const live = new Map<number, string>();
            let ordinal = 0;
            await destination.apply(
              batch(0, [rowsOf(ORDERS, [change(ORDERS, 'c', [99n, 'first'], 0)])]),
            );
            live.set(99, 'first');
            let changes = 1;
            for (const round of rounds) {
              const added: ChangeRow[] = [];
              const control: ControlRecord[] = [];
              let fold = false;
              for (const what of round) {
                ordinal += 1;
                switch (what.kind) {
                  case 'row': {
                    const op = what.deleted ? 'd' : live.has(what.id) ? 'u' : 'c';
                    added.push(change(ORDERS, op, [BigInt(what.id), `at ${ordinal}`], ordinal));
                    if (what.deleted) live.delete(what.id);
                    else live.set(what.id, `at ${ordinal}`);
                    changes += 1;
                    break;
                  }
                  case 'truncate':
                    control.push({ kind: 'truncate', seq: seqAt(ordinal), table: ORDERS_NAME });
                    changes += live.size;
                    live.clear();
                    break;
                  case 'fold':
                    fold = true;
                    break;
                }
              }
              const tables = added.length === 0 ? [] : [rowsOf(ORDERS, added)];
              await destination.apply(batch(ordinal, tables, control));
              if (fold) await destination.compact(Number.POSITIVE_INFINITY);
              const expected = [...live]
                .sort(([a], [b]) => a - b)
                .map(([id, note]) => [String(id), note]);
              expect(await rows(CURRENT)).toEqual(expected);
            }
            const counted =
              'SELECT COUNT(*), COUNT(DISTINCT CONCAT(c._cdc.seq, CAST(c.id AS STRING))) FROM {shop}.orders__changes AS c';
            expect(await rows(counted)).toEqual([[String(changes), String(changes)]]);
            await destination.compact(Number.POSITIVE_INFINITY);
            const latest = 'SELECT o.id, o.note FROM {shop}.orders__latest AS o ORDER BY o.id';
            expect(await rows(latest)).toEqual(await rows(CURRENT));
          },
        ),
        { numRuns: writePath === 'load-jobs' ? 12 : 4 },
      );
    });

    it('takes comments of the source as descriptions, and other ones when they change', async () => {
      const { destination, rows, descriptionOf } = await newWarehouse();
      const noted = (ordinal: number, comments: TableComments): ControlRecord => {
        const [seq, schemaId] = [seqAt(ordinal, 0), schemaIdOf(ORDERS)];
        return { kind: 'schema', seq, table: ORDERS_NAME, schemaId, comments };
      };
      const first = { table: `The customer's "orders"`, columns: { note: 'C:\\shop;\nor none' } };
      const created = [rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'a'], 1)])];
      await destination.apply(batch(1, created, [noted(1, first)], [ORDERS]));
      expect(await rows(CURRENT)).toEqual([['1', 'a']]);
      // The emulator keeps that of CREATE TABLE alone; the others are in test/fixtures/bigquery.
      expect(await descriptionOf('shop__orders__state')).toBe(
        `Rows of shop.orders as of its last compaction. The customer's "orders"`,
      );
      const second = { columns: { id: 'the number' } };
      await destination.apply(batch(2, [], [noted(2, second)], [ORDERS]));
      await destination.compact(Number.POSITIVE_INFINITY);
      const [[definition] = []] = await rows('SELECT t.definition FROM {own}._cdc_tables AS t');
      expect(JSON.parse(definition ?? '')).toMatchObject({ comments: second });
      for (const view of ['orders', 'orders__history', 'orders__latest'])
        expect(await rows(`SELECT o.note FROM {shop}.${view} AS o`)).toEqual([['a']]);
    });

    it('has every change once, whichever requests are cut, refused or answered by a fault', async () => {
      const answer = (status: number, reason: string): HttpFault => ({
        kind: 'answer',
        status,
        reason,
      });
      const fault = fc.oneof(
        { weight: 8, arbitrary: fc.constant(undefined) },
        fc.constantFrom<HttpFault>(
          { kind: 'cutBefore' },
          { kind: 'cutAfter' },
          { kind: 'lostIn500' },
          answer(500, 'internalError'),
          answer(503, 'backendError'),
          answer(429, 'rateLimitExceeded'),
          answer(403, 'rateLimitExceeded'),
          answer(403, 'quotaExceeded'),
        ),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(fault, { minLength: 60, maxLength: 100 }), async (faults) => {
          await using faulty = await BigQueryFront.start(ENDPOINT, { nowMs: CLOCK.nowMs });
          const { destination, rows } = await newWarehouse({ front: faulty });
          const script = [...faults];
          // Once out of faults, all goes well.
          faulty.fault = () => script.shift();
          for (let done = 0; done < 4; )
            try {
              const state = await destination.open();
              done = state?.cut?.commitOrdinal ?? 0;
              const next = state?.planned?.cut?.commitOrdinal ?? done + 1;
              const added = change(ORDERS, 'c', [BigInt(next), `at ${next}`], next);
              await destination.apply(batch(next, [rowsOf(ORDERS, [added])]));
              await destination.compact(Number.POSITIVE_INFINITY);
            } catch (error) {
              expect(judgeFailure(error)).toMatchObject({ outcome: 'retry' });
            }
          faulty.fault = () => undefined;
          const ids = Array.from({ length: 5 }, (_, index) => String(index + 1));
          const loaded = 'SELECT c.id FROM {shop}.orders__changes AS c ORDER BY c._cdc.seq';
          expect((await rows(loaded)).flat()).toEqual(ids);
          expect((await rows(CURRENT)).map(([id]) => id)).toEqual(ids);
        }),
        { numRuns: 2 },
      );
    });

    it('shows nothing beyond the cut, and all of it with the cut', async () => {
      const { destination, rows } = await newWarehouse({ folds: false });
      const first = change(ORDERS, 'c', [1n, 'a'], 1);
      const beyond = change(ORDERS, 'u', [1n, 'b'], 2);
      await destination.apply(batch(1, [rowsOf(ORDERS, [first, beyond])]));
      expect(await rows(CURRENT)).toEqual([['1', 'a']]);
      await destination.apply(batch(2, []));
      expect(await rows(CURRENT)).toEqual([['1', 'b']]);
    });

    it('folds rows up to the cut only', async () => {
      const { destination, rows } = await newWarehouse();
      const first = change(ORDERS, 'c', [1n, 'a'], 1);
      const beyond = change(ORDERS, 'd', [1n, 'a'], 2);
      await destination.apply(batch(1, [rowsOf(ORDERS, [first, beyond])]));
      await destination.compact(Number.POSITIVE_INFINITY);
      expect(await rows(CURRENT)).toEqual([['1', 'a']]);
      await destination.apply(batch(2, []));
      expect(await rows(CURRENT)).toEqual([]);
      await destination.compact(Number.POSITIVE_INFINITY);
      expect(await rows(CURRENT)).toEqual([]);
    });

    it('keeps a column that comes back apart from the one that was dropped, and shows the constant of an added one', async () => {
      const { destination, rows } = await newWarehouse();
      const table = ORDERS_NAME;
      const wider = schemaOf('shop.orders', [
        ['id', integer],
        ['note', varchar],
        ['n', integer],
      ]);
      await destination.apply(batch(1, [rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'old'], 1)])]));
      await destination.compact(Number.POSITIVE_INFINITY);
      const control: readonly ControlRecord[] = [
        {
          ...{ kind: 'columns', seq: seqAt(2, 0), table, closed: ['note'], renamed: [] },
          defaults: [{ name: 'n', value: '7' }],
        },
        { kind: 'schema', seq: seqAt(2, 1), table, schemaId: schemaIdOf(wider) },
      ];
      await destination.apply(batch(2, [], control, [wider]));
      const late = rowsOf(wider, [change(wider, 'c', [2n, 'new', null], 3)]);
      await destination.apply(batch(3, [late]));
      const shown = [
        ['1', null, '7'],
        ['2', 'new', null],
      ];
      const list = 'SELECT o.id, o.note, o.n FROM {shop}.orders';
      expect(await rows(`${list} AS o ORDER BY o.id`)).toEqual(shown);
      await destination.compact(Number.POSITIVE_INFINITY);
      expect(await rows(`${list} AS o ORDER BY o.id`)).toEqual(shown);
      expect(await rows(`${list}__latest AS o ORDER BY o.id`)).toEqual(shown);
      expect(
        await rows('SELECT h.id, h.note__earlier FROM {shop}.orders__history AS h ORDER BY h.id'),
      ).toEqual([
        ['1', 'old'],
        ['2', null],
      ]);
    });

    it('shows each row once when its key has changed, by all its views, before and after a fold', async () => {
      const { destination, rows } = await newWarehouse();
      const byNote = schemaOf('shop.orders', [['note', varchar]], ['note']);
      const old = ['a', 'b'].map((note, index) => change(byNote, 'c', [note], 1, 2 * index + 1));
      await destination.apply(batch(1, [rowsOf(byNote, old)]));
      await destination.compact(Number.POSITIVE_INFINITY);
      const schemaId = schemaIdOf(ORDERS);
      const announced = { kind: 'schema', seq: seqAt(2, 0), table: ORDERS_NAME, schemaId } as const;
      const early = rowsOf(ORDERS, [change(ORDERS, 'r', [1n, 'a'], 3)]);
      await destination.apply(batch(undefined, [early], [announced], [ORDERS]));
      const before = 'SELECT o.note FROM {shop}.orders AS o ORDER BY o.note';
      expect(await rows(before)).toEqual([['a'], ['b']]);
      await destination.apply(batch(4, [rowsOf(ORDERS, [change(ORDERS, 'r', [2n, 'b'], 4)])]));
      const shown = [
        ['1', 'a'],
        ['2', 'b'],
      ];
      const asOf = `SELECT o.id, o.note FROM {shop}.orders__as_of(TIMESTAMP '2030-01-01') AS o ORDER BY o.id`;
      const open =
        'SELECT h.id, h.note FROM {shop}.orders__history AS h WHERE h.valid_to IS NULL ORDER BY h.id';
      for (const compacts of [true, false]) {
        for (const sql of [CURRENT, asOf, open]) expect(await rows(sql)).toEqual(shown);
        if (compacts) await destination.compact(Number.POSITIVE_INFINITY);
      }
    });

    const like = (table: string): TableSchema => ({ ...ORDERS, id: { database: 'shop', table } });
    const rowOf = (schema: TableSchema, id: number, ordinal: number) =>
      rowsOf(schema, [change(schema, 'c', [BigInt(id), schema.id.table], ordinal)]);
    const shownIn = ({ rows }: Warehouse, view: string, call = '') =>
      rows(`SELECT o.id, o.note FROM {shop}.\`${view}\`${call} AS o ORDER BY o.id`);

    it('shows tables whose relations would have one name each under its own', async () => {
      const warehouse = await newWarehouse();
      const { destination, rows } = warehouse;
      const tables = ['clients', 'Clients', 'clients__changes', 'order-items', 'a b'].map(like);
      for (const ordinal of [1, 2]) {
        const stopped = await destination.apply(
          batch(
            ordinal,
            tables.map((schema, index) => rowOf(schema, 10 * index + ordinal, ordinal)),
          ),
        );
        expect(stopped).toEqual([]);
        await destination.compact(Number.POSITIVE_INFINITY);
      }
      const views = ['clients', 'Clients_x0_2', 'clients__changes_x0_2', 'order-items', 'a_x20_b'];
      const functions = [...views.slice(0, 3), 'order_x2D_items', 'a_x20_b'];
      for (const [index, view] of views.entries()) {
        const own = [1, 2].map((n) => [String(10 * index + n), tables[index]?.id.table]);
        for (const suffix of ['', '__latest', '__changes', '__history'])
          expect(await shownIn(warehouse, view + suffix)).toEqual(own);
        const asOf = `${functions[index]}__as_of`;
        expect(await shownIn(warehouse, asOf, "(TIMESTAMP '2030-01-01')")).toEqual(own);
      }
      const names = await rows('SELECT s.table_name, s.view_name FROM {own}._cdc_status AS s');
      expect(new Map(names.map(([table, view]) => [table, view]))).toEqual(
        new Map(tables.map(({ id }, index) => [`shop.${id.table}`, views[index] ?? ''])),
      );
    });

    it('gives the name of a table that is gone to one that is called so in other letters', async () => {
      const warehouse = await newWarehouse();
      const { destination, rows } = warehouse;
      const [old, renamed] = [like('clients'), like('Clients')];
      const drop: ControlRecord = {
        kind: 'tableDropped',
        seq: seqAt(2, 0),
        table: 'shop.clients' as TableName,
      };
      await destination.apply(batch(1, [rowOf(old, 1, 1)]));
      await destination.compact(Number.POSITIVE_INFINITY);
      await destination.apply(batch(undefined, [rowOf(renamed, 7, 2)], [drop]));
      expect(await shownIn(warehouse, 'clients')).toEqual([['1', 'clients']]);
      expect(await destination.apply(batch(2, [rowOf(renamed, 8, 2)]))).toEqual([]);
      await destination.open();
      await destination.compact(Number.POSITIVE_INFINITY);
      await destination.apply(batch(3, [rowOf(renamed, 9, 3)]));
      const own = ['7', '8', '9'].map((id) => [id, 'Clients']);
      for (const view of ['Clients', 'Clients__changes', 'Clients__history'])
        expect(await shownIn(warehouse, view)).toEqual(own);
      expect(await shownIn(warehouse, 'clients_x0_2__history')).toEqual([['1', 'clients']]);
      await expect(shownIn(warehouse, 'clients_x0_2')).rejects.toThrow();
      expect(await rows('SELECT s.table_name, s.view_name FROM {own}._cdc_status AS s')).toEqual([
        ['shop.Clients', 'Clients'],
      ]);
    });

    it('stops a table alone where somebody has made a table of its name, which stays, and brings it with a copy', async () => {
      const warehouse = await newWarehouse();
      const { destination, rows } = warehouse;
      const late = like('late');
      await destination.apply(batch(1, [rowOf(ORDERS, 1, 1)]));
      await rows('CREATE TABLE {shop}.late (theirs INT64)');
      const stopped = await destination.apply(batch(2, [rowOf(ORDERS, 2, 2), rowOf(late, 1, 2)]));
      expect(stopped).toEqual(['shop.shop.late']);
      expect(await shownIn(warehouse, 'orders')).toHaveLength(2);
      expect(await rows('SELECT l.theirs FROM {shop}.late AS l')).toEqual([]);
      const status =
        "SELECT s.status, s.code FROM {own}._cdc_status AS s WHERE s.table_name = 'shop.late'";
      expect(await rows(status)).toEqual([['stopped', 'bigquery.table-refused']]);
      await rows('DROP TABLE {shop}.late');
      const copy = { table: 'shop.late' as TableName, snapshotId: 's' };
      const begun = batch(3, [], [{ kind: 'snapshotBegin', seq: seqAt(3), ...copy }]);
      await destination.apply({ ...begun, without: stopped });
      const wider = { ...late, columns: [...late.columns, { ...late.columns[0]!, name: 'n' }] };
      const read = rowsOf(wider, [change(wider, 'r', [1n, 'late', 5n], 4)]);
      const end = { kind: 'snapshotEnd', seq: seqAt(5), ...copy, covers: seqAt(3) } as const;
      await destination.apply(batch(5, [read], [end]));
      expect(await shownIn(warehouse, 'late')).toEqual([['1', 'late']]);
      expect(await rows(status)).toEqual([['consistent', null]]);
    });

    it('takes columns of any name, its own among them', async () => {
      const { destination, rows } = await newWarehouse();
      const names = [
        ...['__proto__', 'constructor', '_cdc', '_CDC_', '_cdc_op', '_CDC_SEQ', '_cdc_inexact'],
        ...['valid_from', 'VALID_TO', 'as_of', 'rowid', '_cdc_next_committed_at', 'op__v2'],
      ];
      const schema = schemaOf('shop.names', [
        ['id', integer],
        ...names.map((name) => [name, varchar] as const),
      ]);
      const values = names.map((_, index) => `v${index}`);
      const made = [1n, 2n].map((id, index) =>
        change(schema, 'c', [id, ...values], 1, 2 * index + 1),
      );
      await destination.apply(batch(1, [rowsOf(schema, made)]));
      const gone = change(schema, 'd', [2n, ...values], 2);
      await destination.apply(batch(2, [rowsOf(schema, [gone])]));
      const list = names.map((name) => `n.\`${name}\``).join(', ');
      const shown = (relation: string) =>
        rows(`SELECT ${list} FROM {shop}.${relation} AS n WHERE n.id = 1`);
      const asOf = "names__as_of(TIMESTAMP '2030-01-01')";
      for (const relation of ['names', asOf, 'names__changes', 'names__history'])
        expect(await shown(relation)).toEqual([values]);
      await destination.compact(Number.POSITIVE_INFINITY);
      for (const relation of ['names', 'names__latest', asOf, 'names__history'])
        expect(await shown(relation)).toEqual([values]);
      const own =
        'SELECT h.valid_to_ IS NULL, h._cdc__.op, h._cdc__.seq FROM {shop}.names__history AS h ORDER BY h.id';
      expect(await rows(own)).toEqual([
        ['true', 'c', seqAt(1)],
        ['false', 'c', seqAt(1, 3)],
      ]);
    });

    it.each([
      ['in letter case', 'Day', []],
      ['to another name', 'moment', [{ from: 'day', to: 'moment' }]],
    ])(
      'tells days apart that a key column cannot hold, when that is renamed %s',
      async (_, name, renamed) => {
        const { destination, rows } = await newWarehouse();
        const keyed = (key: string): TableSchema =>
          schemaOf(
            'shop.days',
            [
              [key, { kind: 'date' }],
              ['v', varchar],
            ],
            [key],
          );
        const [before, after] = [keyed('day'), keyed(name)];
        const table = 'shop.days' as TableName;
        const first = ['0000-00-00', '2026-02-00'].map((day, index) =>
          change(before, 'c', [day, index === 0 ? 'zero' : 'old'], 1, 2 * index + 1),
        );
        await destination.apply(batch(1, [rowsOf(before, first)]));
        const control: ControlRecord[] = [
          { kind: 'columns', seq: seqAt(2, 0), table, closed: [], renamed, defaults: [] },
          { kind: 'schema', seq: seqAt(2, 1), table, schemaId: schemaIdOf(after) },
        ];
        await destination.apply(
          batch(2, [], renamed.length === 0 ? control.slice(1) : control, [after]),
        );
        const update = change(after, 'u', ['2026-02-00', 'new'], 3);
        await destination.apply(batch(3, [rowsOf(after, [update])]));
        const present = `SELECT d.\`${name}\`, d.v FROM {shop}.days AS d ORDER BY d.v`;
        const history =
          "SELECT h.v, REGEXP_EXTRACT(TO_JSON_STRING(h._cdc.inexact), '[0-9]{4}-[0-9]{2}-[0-9]{2}') FROM {shop}.days__history AS h ORDER BY h.v";
        const both = [
          [null, 'new'],
          [null, 'zero'],
        ];
        const texts = [
          ['new', '2026-02-00'],
          ['old', '2026-02-00'],
          ['zero', '0000-00-00'],
        ];
        expect([await rows(present), await rows(history)]).toEqual([both, texts]);
        await destination.compact(Number.POSITIVE_INFINITY);
        expect([await rows(present), await rows(history)]).toEqual([both, texts]);
      },
    );

    it('tells history and the rows as of a time', async () => {
      const { destination, rows } = await newWarehouse();
      const changes = [
        change(ORDERS, 'c', [1n, 'a'], 1),
        change(ORDERS, 'u', [1n, 'b'], 2),
        change(ORDERS, 'd', [1n, 'b'], 3),
      ];
      await destination.apply(batch(3, [rowsOf(ORDERS, changes)]));
      await destination.compact(Number.POSITIVE_INFINITY);
      const versions = await rows(
        'SELECT h.note, h.valid_to IS NULL AS is_current FROM {shop}.orders__history AS h ORDER BY h.valid_from',
      );
      expect(versions).toEqual([
        ['a', 'false'],
        ['b', 'false'],
      ]);
      const asOf = (second: number): string =>
        `SELECT o.note FROM {shop}.orders__as_of(TIMESTAMP '2026-11-23 00:00:0${second}.500+00') AS o`;
      expect([
        await rows(asOf(0)),
        await rows(asOf(1)),
        await rows(asOf(2)),
        await rows(asOf(3)),
      ]).toEqual([[], [['a']], [['b']], []]);
    });

    it.each<[string, ColumnType, ColumnValue, ColumnType, ColumnValue, readonly string[]]>([
      ['INT64 to STRING, beside it', integer, 7n, varchar, 'seven', ['7', 'seven']],
      [
        'INT64 to NUMERIC, altered',
        integer,
        7n,
        { kind: 'decimal', precision: 10, scale: 2 },
        '7.25',
        ['7', '7.25'],
      ],
      [
        'DATE to DATETIME, beside it',
        { kind: 'date' },
        20780,
        { kind: 'datetime', fractionDigits: 0 },
        1795392000000,
        ['2026-11-23T00:00:00', '2026-11-23T00:00:00'],
      ],
      ['STRING that stays for INT64', varchar, 'seven', integer, 7n, ['seven', '7']],
    ])(
      'changes a column from %s, and shows old and new values as one',
      async (_, before, old, after, fresh, shown) => {
        const { destination, rows } = await newWarehouse();
        const first = schemaOf('shop.orders', [
          ['id', integer],
          ['note', before],
        ]);
        const second = schemaOf('shop.orders', [
          ['id', integer],
          ['added', varchar],
          ['note', after],
        ]);
        await destination.apply(batch(1, [rowsOf(first, [change(first, 'c', [1n, old], 1)])]));
        await destination.apply(
          batch(2, [rowsOf(second, [change(second, 'c', [2n, 'x', fresh], 2)])]),
        );
        const columns =
          'SELECT o.added, CAST(o.note AS STRING) AS note FROM {shop}.orders AS o ORDER BY o.id';
        const fresher = [
          [null, shown[0]],
          ['x', shown[1]],
        ];
        expect((await rows(columns)).map(normal)).toEqual(fresher);
        await destination.compact(Number.POSITIVE_INFINITY);
        expect((await rows(columns)).map(normal)).toEqual(fresher);
      },
    );

    it('keeps every kind of value', async () => {
      const values: readonly (readonly [string, ColumnType, ColumnValue, string])[] = [
        [
          'big',
          { kind: 'integer', bytes: 8, unsigned: true },
          18446744073709551615n,
          '18446744073709551615',
        ],
        ['small', integer, -9223372036854775808n, '-9223372036854775808'],
        [
          'dec',
          { kind: 'decimal', precision: 20, scale: 4 },
          '-1234567890123456.7891',
          '-1234567890123456.7891',
        ],
        ['dbl', { kind: 'double' }, 0.1, '0.1'],
        ['flag', { kind: 'bit', bits: 1 }, true, 'true'],
        ['day', { kind: 'date' }, 2932896, '9999-12-31'],
        ['doc', { kind: 'json' }, '{"a": [1, "x"]}', '{"a":[1,"x"]}'],
        ['txt', varchar, 'a"\\\n€😀', 'a"\\\n€😀'],
      ];
      const schema: TableSchema = schemaOf('shop.orders', [
        ['id', integer],
        ...values.map(([name, type]) => [name, type] as const),
      ]);
      const { destination, rows } = await newWarehouse();
      await destination.apply(
        batch(1, [
          rowsOf(schema, [change(schema, 'c', [1n, ...values.map(([, , value]) => value)], 1)]),
        ]),
      );
      const select = `SELECT ${values.map(([name]) => `o.${name}`).join(', ')} FROM {shop}.orders AS o`;
      const [row] = await rows(select);
      expect(normal(row ?? [])).toEqual(values.map(([, , , expected]) => expected));
      await destination.compact(Number.POSITIVE_INFINITY);
      expect(await rows(select)).toEqual([row]);
    });

    it('shows the bytes of a text that is none beside what stands for it, in its own row alone', async () => {
      const invalid = new Map([['note', '0x41FF' as const]]);
      const changes = [
        change(ORDERS, 'c', [1n, 'fine'], 1),
        { ...change(ORDERS, 'c', [2n, 'A\ufffd'], 2), invalid },
        change(ORDERS, 'c', [3n, '0x41FF'], 3),
        { ...change(ORDERS, 'c', [4n, '0x41FF'], 4), invalid },
      ];
      const { destination, rows } = await newWarehouse();
      await destination.apply(batch(4, [rowsOf(ORDERS, changes)]));
      const marked =
        "SELECT c.note, JSON_VALUE(c._cdc.inexact, '$.note') FROM {shop}.orders__changes AS c ORDER BY c.id";
      const shown = [
        ['fine', null],
        ['A\ufffd', '0x41FF'],
        ['0x41FF', null],
        ['0x41FF', '0x41FF'],
      ];
      expect(await rows(marked)).toEqual(shown);
      await destination.compact(Number.POSITIVE_INFINITY);
      expect(await rows(marked)).toEqual(shown);
      expect((await rows(CURRENT)).map(([, note]) => note)).toEqual(shown.map(([note]) => note));
    });

    it('keeps two rows apart whose key no DATE can hold, and what their texts are', async () => {
      const schema = schemaOf(
        'shop.orders',
        [
          ['day', { kind: 'date' }],
          ['note', varchar],
        ],
        ['day'],
      );
      const { destination, rows } = await newWarehouse();
      const changes = [
        change(schema, 'c', ['0000-00-00', 'a'], 1),
        change(schema, 'c', ['2026-02-00', 'b'], 2),
        change(schema, 'u', ['0000-00-00', 'c'], 3),
      ];
      await destination.apply(batch(2, [rowsOf(schema, changes.slice(0, 2))]));
      await destination.compact(Number.POSITIVE_INFINITY);
      await destination.apply(batch(3, [rowsOf(schema, changes.slice(2))]));
      const notes = 'SELECT o.note FROM {shop}.orders AS o WHERE o.day IS NULL ORDER BY o.note';
      expect(await rows(notes)).toEqual([['b'], ['c']]);
      await destination.compact(Number.POSITIVE_INFINITY);
      expect(await rows(notes)).toEqual([['b'], ['c']]);
    });

    it('shows by history and as-of what lived when changes expired, and refuses earlier times', async () => {
      const { destination, rows } = await newWarehouse({
        changesExpireDays: 2,
        nowMs: () => Date.UTC(2026, 10, 30),
      });
      const day = (commits: number): number => commits * 86_400;
      const first = [1n, 2n, 3n].map((id) => change(ORDERS, 'c', [id, 'a'], 1, Number(id)));
      await destination.apply(batch(1, [rowsOf(ORDERS, first)]));
      const second = [
        change(ORDERS, 'u', [2n, 'b'], day(1)),
        change(ORDERS, 'd', [3n, 'a'], day(1), 2),
      ];
      await destination.apply(batch(day(1), [rowsOf(ORDERS, second)]));
      const newest = change(ORDERS, 'u', [1n, 'c'], day(5));
      await destination.apply(batch(day(5), [rowsOf(ORDERS, [newest])]));
      await destination.compact(Number.POSITIVE_INFINITY);
      expect(await rows(CURRENT)).toEqual([
        ['1', 'c'],
        ['2', 'b'],
      ]);
      const changes = 'SELECT c.id, c.note FROM {shop}.orders__changes AS c ORDER BY c._cdc.seq';
      expect(await rows(changes)).toEqual([['1', 'c']]);
      const history =
        'SELECT h.id, h.note, h.valid_to IS NULL FROM {shop}.orders__history AS h ORDER BY h.id, h.valid_from';
      expect(await rows(history)).toEqual([
        ['1', 'a', 'false'],
        ['1', 'c', 'true'],
        ['2', 'b', 'true'],
      ]);
      const asOf = (at: string): string =>
        `SELECT o.id, o.note FROM {shop}.orders__as_of(TIMESTAMP '${at}') AS o ORDER BY o.id`;
      expect(await rows(asOf('2026-11-27 12:00:00'))).toEqual([
        ['1', 'a'],
        ['2', 'b'],
      ]);
      // What BigQuery says of a failed query may hold values, so that it is not quoted.
      await expect(rows(asOf('2026-11-24 12:00:00'))).rejects.toThrow('invalidQuery');
    });

    it('folds each change once, whoever is killed behind the fold', async () => {
      let killed = false;
      const { destination, rows } = await newWarehouse({
        reach: (point) => {
          if (point !== 'sinkCompacting' || killed) return;
          killed = true;
          throw new Error('killed');
        },
      });
      await destination.apply(batch(1, [rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'a'], 1)])]));
      await expect(destination.compact(Number.POSITIVE_INFINITY)).rejects.toThrow('killed');
      expect(await rows(CURRENT)).toEqual([['1', 'a']]);
      await destination.open();
      await destination.apply(batch(2, [rowsOf(ORDERS, [change(ORDERS, 'd', [1n, 'a'], 2)])]));
      expect(await rows(CURRENT)).toEqual([]);
      await destination.compact(Number.POSITIVE_INFINITY);
      expect(await rows(CURRENT)).toEqual([]);
      expect(await rows('SELECT o.id FROM {shop}.orders__latest AS o')).toEqual([]);
    });

    it('has on record what it has loaded and folded, by table and day, and tells what views read', async () => {
      const { destination, service, layout, rows } = await newWarehouse();
      const since = { sinceMs: CLOCK.nowMs() - 60_000, nowMs: CLOCK.nowMs() };
      expect(await readUsage(service, layout, since)).toMatchObject({ days: [], commits: 0 });
      await destination.apply(batch(1, [rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'a'], 1)])]));
      await destination.apply(
        batch(
          3,
          [2, 3].map((at) => rowsOf(ORDERS, [change(ORDERS, 'u', [1n, `b${at}`], at)])),
        ),
      );
      await destination.compact(Number.POSITIVE_INFINITY);
      const usage = await readUsage(service, layout, since);
      expect(usage).toMatchObject({
        commits: 2,
        days: [{ table: 'shop.orders', loads: 2, rows: 3, compactions: 1 }],
      });
      const { loadedBytes = 0, streamedBytes } = usage?.days[0] ?? {};
      expect(loadedBytes).toBeGreaterThan(0);
      expect(streamedBytes).toBe(writePath === 'storage-write' ? loadedBytes : 0);
      expect(usage?.sinceMs).toBeGreaterThanOrEqual(since.sinceMs);
      const reads = async () =>
        estimateReads(
          service,
          layout,
          [...(await readTables(service, layout)).values()].map(({ table }) => table),
        );
      const all = { now: 0, latest: 0, history: 0, asOf: 0 };
      expect(await reads()).toEqual(new Map([['shop.orders', all]]));
      expect(await estimateReads(service, layout, [])).toEqual(new Map());
      await rows('DROP VIEW {shop}.orders__latest');
      const { latest: _, ...others } = all;
      expect(await reads()).toEqual(new Map([['shop.orders', others]]));
      const later = { sinceMs: CLOCK.nowMs() + 60_000, nowMs: CLOCK.nowMs() + 120_000 };
      expect(await readUsage(service, layout, later)).toEqual({ days: [], commits: 0, ...later });
      const gone = { ...layout, internal: 'nobody_made_this' };
      expect(await readUsage(service, gone, since)).toBeUndefined();
    });

    const ITEMS = schemaOf('shop.items', [['id', integer]]);
    const TOPIC = 'shop.shop.orders' as Topic;
    const item = (n: number) => rowsOf(ITEMS, [change(ITEMS, 'c', [BigInt(n)], n)]);
    const withoutOrders = (n: number, control: readonly ControlRecord[] = []): SinkBatch => ({
      ...batch(n, [item(n)], control),
      without: [TOPIC],
    });

    /** Two tables at cut 1; commit 2 has a row of `orders` that does not fit. */
    async function withStoppedTable(): Promise<Warehouse> {
      const warehouse = await newWarehouse();
      const { destination } = warehouse;
      const first = change(ORDERS, 'c', [1n, 'a'], 1);
      const beyond = change(ORDERS, 'u', [1n, 'b'], 2);
      await destination.apply(batch(1, [rowsOf(ORDERS, [first, beyond]), item(1)]));
      const poisoned = rowsOf(ORDERS, [change(ORDERS, 'c', [2n, '\ud800'], 3)]);
      expect(await destination.apply(batch(3, [poisoned, item(3)]))).toEqual([TOPIC]);
      return warehouse;
    }

    const STATUS =
      'SELECT s.table_name, s.status, s.consistent, s.code IS NULL AS goes_on, s.commit_ordinal' +
      ' FROM {own}._cdc_status AS s ORDER BY s.table_name';
    const ITEM_IDS = 'SELECT i.id FROM {shop}.items AS i ORDER BY i.id';

    it('keeps the views of a table that has stopped at its cut, folds or not, while the others go on', async () => {
      const { destination, rows } = await withStoppedTable();
      await destination.compact(Number.POSITIVE_INFINITY);
      expect([await rows(CURRENT), await rows(ITEM_IDS)]).toEqual([[['1', 'a']], [['1'], ['3']]]);
      await destination.apply(withoutOrders(4));
      await destination.compact(Number.POSITIVE_INFINITY);
      expect([await rows(CURRENT), await rows(ITEM_IDS)]).toEqual([
        [['1', 'a']],
        [['1'], ['3'], ['4']],
      ]);
      expect(await rows('SELECT c.note FROM {shop}.orders__changes AS c')).toEqual([['a']]);
      expect(await rows(STATUS)).toEqual([
        ['shop.items', 'consistent', 'true', 'true', '4'],
        ['shop.orders', 'stopped', 'false', 'false', '1'],
      ]);
      const [[reason] = []] = await rows(
        "SELECT s.reason FROM {own}._cdc_status AS s WHERE s.status = 'stopped'",
      );
      expect(reason).toMatch(
        /^bigquery\.row-refused at offset 3 of shop\.shop\.orders partition 0/,
      );
    });

    it('goes on with a stopped table where rows are rejected, in one cut with the others', async () => {
      const { destination, rejecting, rows } = await withStoppedTable();
      await destination.apply(
        withoutOrders(5, [{ kind: 'truncate', seq: seqAt(4), table: ORDERS_NAME }]),
      );
      await rejecting.open();
      const backlog = [
        change(ORDERS, 'c', [2n, '\ud800'], 3),
        change(ORDERS, 'c', [7n, 'after'], 6),
      ];
      await rejecting.apply(batch(6, [rowsOf(ORDERS, backlog)]));
      expect(await rows(CURRENT)).toEqual([['7', 'after']]);
      await rejecting.compact(Number.POSITIVE_INFINITY);
      expect(await rows(CURRENT)).toEqual([['7', 'after']]);
      expect(await rows(STATUS)).toContainEqual(['shop.orders', 'gap', 'false', 'true', '6']);
      expect(await rows('SELECT r.topic_offset FROM {own}._cdc_rejects AS r')).toEqual([['3']]);
      expect(rejecting.stopped()).toEqual([]);
    });

    it('brings a stopped table back at the end of a snapshot', async () => {
      const { destination, rows } = await withStoppedTable();
      const snapshot = { table: ORDERS_NAME, snapshotId: 's' } as const;
      const begin: ControlRecord = { kind: 'snapshotBegin', seq: seqAt(4), ...snapshot };
      await destination.apply(withoutOrders(4, [begin]));
      const read = [change(ORDERS, 'c', [2n, '\ud800'], 3), change(ORDERS, 'r', [8n, 'read'], 5)];
      await destination.apply(batch(5, [rowsOf(ORDERS, read)]));
      expect(await rows(CURRENT)).toEqual([['1', 'a']]);
      const covers = seqAt(1);
      const end: ControlRecord = { kind: 'snapshotEnd', seq: seqAt(6), ...snapshot, covers };
      await destination.apply(batch(6, [], [end]));
      expect(await rows(CURRENT)).toEqual([['8', 'read']]);
      expect(await rows(STATUS)).toContainEqual(['shop.orders', 'consistent', 'true', 'true', '6']);
      const [[cause] = []] = await rows('SELECT g.cause FROM {own}._cdc_gaps AS g');
      expect(cause).toContain('shop.orders was stopped by bigquery.row-refused');
    });

    it('puts thousands of refused rows on record as a file, once', async () => {
      const { destination, rejecting, rows } = await newWarehouse();
      await destination.apply(batch(1, [item(1)]));
      await rejecting.open();
      const refused = Array.from({ length: 3_000 }, (_, n) =>
        change(ORDERS, 'c', [BigInt(n), '\ud800'], 2, n),
      );
      await rejecting.apply(batch(2, [rowsOf(ORDERS, refused)]));
      const counted =
        'SELECT COUNT(*) AS n, COUNT(DISTINCT r.seq) AS seqs, MIN(r.rejected_at) > TIMESTAMP_MICROS(0) AS timed' +
        ' FROM {own}._cdc_rejects AS r';
      expect(await rows(counted)).toEqual([['3000', '3000', 'true']]);
    });

    it('takes over bookkeeping of the layout before, which lacks columns', async () => {
      const { destination, service, rows, internal } = await newWarehouse();
      await destination.apply(batch(1, [rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'a'], 1)])]));
      const own = `demo.${internal}`;
      const [[definition = ''] = []] = await rows(
        'SELECT TO_JSON_STRING(t.definition) FROM {own}._cdc_tables AS t',
      );
      const old = [
        `DROP VIEW ${own}._cdc_status`,
        `DROP TABLE ${own}._cdc_tables`,
        `CREATE TABLE ${own}._cdc_tables (name STRING, definition STRING, status STRING, watermark STRING,
          watermark_at_us INT64, delta_rows INT64, state_rows INT64, compacted_at TIMESTAMP)`,
        `INSERT INTO ${own}._cdc_tables (name, definition, status, watermark, delta_rows, state_rows)
          VALUES ('shop.orders', ${definition}, 'gap', '${BEFORE_ALL}', 1, 0)`,
        `UPDATE ${own}._cdc_checkpoints AS p SET layout = 2 WHERE TRUE`,
      ];
      for (const [index, sql] of old.entries()) {
        // So often a table is not made and dropped at the service.
        await CLOCK.sleep(10_000);
        const id = `old-${internal}-${index}`;
        await service.submit(id, { kind: 'query', sql, priority: 'INTERACTIVE' });
        expect(await service.wait(id)).toMatchObject({ kind: 'done' });
      }
      await destination.open();
      const status = 'SELECT s.status, s.not_consistent_since FROM {own}._cdc_status AS s';
      expect(await rows(status)).toEqual([['gap', null]]);
      const end = { table: ORDERS_NAME, snapshotId: 's' };
      await destination.apply(
        batch(
          3,
          [],
          [
            {
              kind: 'tableGap',
              seq: seqAt(2),
              table: ORDERS_NAME,
              cause: 'excluded',
              followed: true,
            },
          ],
        ),
      );
      expect(await rows(status)).toEqual([['gap', seqAt(2)]]);
      await destination.apply(
        batch(4, [], [{ kind: 'snapshotEnd', seq: seqAt(4), ...end, covers: seqAt(3) }]),
      );
      expect(await rows(status)).toEqual([['consistent', null]]);
      expect(await rows(CURRENT)).toEqual([['1', 'a']]);
    });

    it('stops a table whose first schema cannot be, and makes nothing for it', async () => {
      const { destination, rows } = await newWarehouse();
      await destination.apply(batch(1, [item(1)]));
      const keyless = schemaOf('shop.backup', [['id', integer]], []);
      const row = change(keyless, 'c', [1n], 2);
      expect(await destination.apply(batch(2, [rowsOf(keyless, [row]), item(2)]))).toEqual([
        'shop.shop.backup',
      ]);
      await destination.open();
      await destination.apply({ ...batch(3, [item(3)]), without: ['shop.shop.backup' as Topic] });
      expect(
        await rows('SELECT s.table_name, s.status, s.code FROM {own}._cdc_status AS s ORDER BY 1'),
      ).toEqual([
        ['shop.backup', 'stopped', 'table.no-key'],
        ['shop.items', 'consistent', null],
      ]);
    });

    it('says of every table where it stands', async () => {
      const { destination, rows } = await newWarehouse();
      await destination.apply(batch(1, [rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'a'], 1)])]));
      await destination.compact(Number.POSITIVE_INFINITY);
      expect(
        await rows(
          'SELECT s.table_name, s.status, s.consistent, s.state_rows, s.delta_rows, s.commit_ordinal FROM {own}._cdc_status AS s',
        ),
      ).toEqual([['shop.orders', 'consistent', 'true', '1', '0', '1']]);
    });
  },
);

/** Streams of which one call goes wrong: counted from 1, before it has an effect or behind it. */
function streamsWithFault(at: number, isBefore: boolean): WriteStreams {
  let calls = 0;
  const faulty = async <T>(call: () => Promise<T>): Promise<T> => {
    calls += 1;
    if (calls !== at) return call();
    if (!isBefore) await call();
    throw new SluiceError('bigquery.unreachable', 'The test has the answer lost.');
  };
  return {
    create: (table) => faulty(() => allStreams.create(table)),
    append: (...of) => faulty(() => allStreams.append(...of)),
    finalize: (stream) => faulty(() => allStreams.finalize(stream)),
    commit: (...of) => faulty(() => allStreams.commit(...of)),
    close: () => Promise.resolve(),
  };
}

describe.skipIf(STORAGE === '')('streams into a BigQuery warehouse', () => {
  const COUNTS =
    'SELECT COUNT(*), COUNT(DISTINCT c._cdc.seq), COUNTIF(c.note IS NOT NULL) FROM {shop}.orders__changes AS c';

  it.each(
    ['create', 'append', 'finalize', 'commit'].flatMap((call, index) =>
      [true, false].map(
        (isBefore) => [call, isBefore ? 'before it' : 'behind it', index + 1, isBefore] as const,
      ),
    ),
  )('bring each row once when a worker ends at %s, %s', async (_, __, call, isBefore) => {
    const streams = streamsWithFault(call, isBefore);
    const { destination, rows } = await warehouseBy({ writePath: 'storage-write', streams });
    const changes = [1, 2, 3].map((id) => change(ORDERS, 'c', [BigInt(id), 'a'], id));
    const whole = batch(3, [rowsOf(ORDERS, changes)]);
    await expect(destination.apply(whole)).rejects.toMatchObject({ code: 'bigquery.unreachable' });
    await destination.open();
    await destination.apply(whole);
    expect(await rows(COUNTS)).toEqual([['3', '3', '3']]);
    expect(await rows(CURRENT)).toHaveLength(3);
  });

  it.each<SinkKillPoint>(['sinkMidTransaction', 'sinkBeforeCommit'])(
    'bring each row once when a worker ends at %s, with a new column',
    async (killPoint) => {
      let commits = 0;
      const { destination, rows } = await warehouseBy({
        writePath: 'storage-write',
        reach: (point) => {
          if (point === killPoint && (commits += 1) === 2) throw new Error('killed');
        },
      });
      const wider = schemaOf('shop.orders', [
        ['id', integer],
        ['note', varchar],
        ['added', varchar],
      ]);
      await destination.apply(batch(1, [rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'a'], 1)])]));
      const second = batch(2, [rowsOf(wider, [change(wider, 'c', [2n, 'b', 'new'], 2)])]);
      await expect(destination.apply(second)).rejects.toThrow('killed');
      await destination.open();
      await destination.apply(second);
      expect(await rows(COUNTS)).toEqual([['2', '2', '2']]);
      expect(await rows('SELECT o.id, o.added FROM {shop}.orders AS o ORDER BY o.id')).toEqual([
        ['1', null],
        ['2', 'new'],
      ]);
    },
  );

  it('hold their rows back until they are committed, and take them at their offsets only', async () => {
    const { destination, rows, internal } = await warehouseBy({ writePath: 'storage-write' });
    await destination.apply(batch(1, [rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'a'], 1)])]));
    const message = new ProtoWriter().int64(1, 2n).text(2, '2').take();
    const descriptor = rowDescriptor(
      rowFields({
        columns: [
          { name: 'id', type: 'INT64', mayBeInexact: false },
          { name: '_cdc_seq', type: 'STRING', mayBeInexact: false },
        ],
      }).slice(0, 2),
    );
    const target = { dataset: internal, table: 'shop__orders__changes' };
    const stream = await allStreams.create(target);
    const append = (offset: number): Promise<void> =>
      allStreams.append(stream, descriptor, [{ offset, rows: [message] }]);
    await append(0);
    await expect(append(0)).rejects.toMatchObject({
      code: 'bigquery.failed',
      facts: { status: 'ALREADY_EXISTS' },
    });
    await expect(append(2)).rejects.toMatchObject({
      code: 'bigquery.failed',
      facts: { status: 'OUT_OF_RANGE' },
    });
    await append(1);
    expect(await allStreams.finalize(stream)).toBe(2);
    const count = 'SELECT COUNT(*) FROM {own}.shop__orders__changes AS c';
    expect(await rows(count)).toEqual([['1']]);
    expect(await allStreams.commit(target, [stream])).toBe('committed');
    expect(await rows(count)).toEqual([['3']]);
    expect(await allStreams.commit(target, [`${stream.slice(0, -1)}x`])).toBe('unknown');
  });

  it('are not to be had for a table that is not there', async () => {
    const { internal } = await warehouseBy({ writePath: 'storage-write' });
    const stream = allStreams.create({ dataset: internal, table: 'no_such__changes' });
    await expect(stream).rejects.toMatchObject({ code: 'bigquery.stream-behind' });
  });
});
