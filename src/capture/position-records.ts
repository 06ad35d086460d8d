import type { Checkpoint } from '../change/checkpoint.ts';
import type { SchemaId, TableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import { emptyPlan, type SnapshotPlan, type SnapshotTable } from '../snapshot/plan.ts';
import { POSITION_KEYS } from '../topic/publisher.ts';
import type { Topic, TopicIdentity } from '../topic/topic-name.ts';
import type { TableEntry } from './ledger.ts';

/** What the pipeline's own topics hold, folded to the newest record of each key. */
export interface StoredPipeline {
  readonly checkpoint: Checkpoint | undefined;
  readonly plan: SnapshotPlan;
  readonly tables: ReadonlyMap<TableName, TableEntry>;
  /** Topics that an earlier version wrote to, which kept no record of tables. */
  readonly formerTopics: ReadonlyMap<Topic, TopicIdentity>;
  /** Schemas already on record. */
  readonly schemaIds: ReadonlySet<SchemaId>;
  /** Digest of the comments on record, by table. */
  readonly comments: ReadonlyMap<TableName, string>;
  /** XA transactions that are prepared, and the captured tables that each has touched. */
  readonly openXa: ReadonlyMap<string, readonly TableName[]>;
}

/** The value of a table's key: its entry, and the copy of it that is due. */
interface TableRecord extends TableEntry {
  readonly copy?: SnapshotTable & { readonly place: number };
}

/** The `snapshot` record; version 1 held the tables as well. */
interface PlanRecord extends Omit<SnapshotPlan, 'v' | 'tables'> {
  readonly v: 2;
}

/** Records for what has changed of the ledger and the plan, in the order to be written. */
export class PositionRecords {
  #plan: SnapshotPlan;
  #copies: ReadonlyMap<TableName, SnapshotTable>;
  readonly #places = new Map<TableName, number>();
  #nextPlace = 0;

  /** @param plan  as it is on record, entry by entry */
  constructor(plan: SnapshotPlan) {
    this.#plan = plan;
    this.#copies = copiesOf(plan);
    for (const { table } of plan.tables) this.#places.set(table, this.#takePlace());
  }

  /** @param changed  tables whose entry has changed since the last call */
  *changes(
    entries: ReadonlyMap<TableName, TableEntry>,
    changed: readonly TableName[],
    plan: SnapshotPlan,
  ): Iterable<readonly [key: string, value: string]> {
    const names = new Set(changed);
    if (plan !== this.#plan) {
      const copies = copiesOf(plan);
      this.#replace(plan);
      for (const [table, copy] of copies) if (this.#copies.get(table) !== copy) names.add(table);
      for (const table of this.#copies.keys()) if (!copies.has(table)) names.add(table);
      this.#copies = copies;
      this.#plan = plan;
      const { finishedTables, finishedRows, requests } = plan;
      const record: PlanRecord = { v: 2, finishedTables, finishedRows, requests };
      yield [POSITION_KEYS.snapshot, JSON.stringify(record)];
    }
    for (const name of names) {
      const entry = entries.get(name);
      if (!entry) continue;
      const copy = this.#copies.get(name);
      const place = this.#places.get(name) ?? 0;
      const record: TableRecord = { ...entry, ...(copy ? { copy: { ...copy, place } } : {}) };
      yield [`${POSITION_KEYS.table}${name}`, JSON.stringify(record)];
    }
  }

  /** Places grow along the plan; an entry that stands after one with a greater place takes a new one. */
  #replace({ tables }: SnapshotPlan): void {
    let last = -1;
    for (const { table } of tables) {
      const known = this.#places.get(table);
      const place = known !== undefined && known > last ? known : this.#takePlace();
      this.#places.set(table, place);
      last = place;
    }
  }

  #takePlace(): number {
    this.#nextPlace += 1;
    return this.#nextPlace;
  }
}

const copiesOf = ({ tables }: SnapshotPlan): ReadonlyMap<TableName, SnapshotTable> =>
  new Map(tables.map((entry) => [entry.table, entry]));

/**
 * Reads the newest records of the positions topic, also those that earlier versions wrote.
 *
 * @param records  key → JSON text
 * @throws {SluiceError} `kafka.record-unreadable`
 */
export function parsePositions(
  records: ReadonlyMap<string, string>,
): Omit<StoredPipeline, 'schemaIds'> {
  const read = <Value>(key: string, parse: (value: unknown) => Value): Value | undefined => {
    const text = records.get(key);
    return text === undefined ? undefined : readRecord(key, text, parse);
  };
  const tables = new Map<TableName, TableRecord>();
  for (const [key, text] of records) {
    if (!key.startsWith(POSITION_KEYS.table)) continue;
    const name = key.slice(POSITION_KEYS.table.length) as TableName;
    tables.set(name, readRecord(key, text, parseTable));
  }
  const plan = read(POSITION_KEYS.snapshot, parsePlan) ?? emptyPlan();
  const copies = [...tables.values()]
    .flatMap(({ copy }) => (copy ? [copy] : []))
    .sort((a, b) => a.place - b.place)
    .map(({ place: _, ...copy }) => copy);
  return {
    checkpoint: read(POSITION_KEYS.checkpoint, parseCheckpoint),
    plan: { ...plan, tables: [...plan.tables, ...copies] },
    tables: new Map([...tables].map(([name, { copy: _, ...entry }]) => [name, entry])),
    formerTopics: read(POSITION_KEYS.topics, parseTopics) ?? new Map(),
    comments: read(POSITION_KEYS.comments, parseDigests) ?? new Map(),
    openXa: read(POSITION_KEYS.xa, parseXa) ?? new Map(),
  };
}

/**
 * Every topic that tables have been written to, with its number of partitions: what a cut of a sink
 * consists of.
 */
export function topicsOf({
  tables,
  formerTopics,
}: Pick<StoredPipeline, 'tables' | 'formerTopics'>): ReadonlyMap<Topic, TopicIdentity> {
  const topics = new Map(formerTopics);
  for (const { topic } of tables.values())
    if (topic) topics.set(topic.name, { id: topic.id, partitions: topic.partitions });
  return topics;
}

/** Reads one record. Its message quotes nothing of it. */
export function readRecord<Value>(
  key: string,
  text: string,
  parse: (value: unknown) => Value,
): Value {
  try {
    return parse(JSON.parse(text));
  } catch (cause) {
    throw new SluiceError(
      'kafka.record-unreadable',
      `The record ${key} of the positions topic is not one that this version of Sluice can read.`,
      { cause, facts: { key } },
    );
  }
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  if (typeof value === 'object' && value !== null) return value as Fields;
  throw new Error('not an object');
}

function expect(isRight: boolean): void {
  if (!isRight) throw new Error('a field is missing or of another type');
}

export function parseCheckpoint(value: unknown): Checkpoint {
  const { v, owner, gtidSet, epoch, commitOrdinal } = fieldsOf(value);
  expect(v === 1 && typeof owner === 'string' && typeof gtidSet === 'string');
  expect(Number.isSafeInteger(epoch) && Number.isSafeInteger(commitOrdinal));
  return value as Checkpoint;
}

function parsePlan(value: unknown): SnapshotPlan {
  const { v, tables = [], requests } = fieldsOf(value);
  expect((v === 1 || v === 2) && Array.isArray(tables) && Array.isArray(requests));
  return { ...(value as SnapshotPlan), v: 1, tables: tables as SnapshotPlan['tables'] };
}

export function parseTopics(value: unknown): ReadonlyMap<Topic, TopicIdentity> {
  return new Map(
    Object.entries(fieldsOf(value)).map(([topic, identity]) => {
      const { partitions, id } = fieldsOf(identity);
      expect(typeof id === 'string' && Number.isSafeInteger(partitions));
      return [topic as Topic, { partitions: Number(partitions), id: String(id) }];
    }),
  );
}

function parseDigests(value: unknown): ReadonlyMap<TableName, string> {
  return new Map(
    Object.entries(fieldsOf(value)).map(([table, digest]) => {
      expect(typeof digest === 'string');
      return [table as TableName, String(digest)];
    }),
  );
}

function parseXa(value: unknown): ReadonlyMap<string, readonly TableName[]> {
  expect(Array.isArray(value));
  return new Map(
    (value as readonly unknown[]).map((each) => {
      const [xid, tables] = each as readonly [unknown, unknown];
      expect(typeof xid === 'string' && Array.isArray(tables));
      return [String(xid), tables as readonly TableName[]];
    }),
  );
}

export function parseTable(value: unknown): TableRecord {
  const { v, id, state, held, key, columns } = fieldsOf(value);
  const { database, table } = fieldsOf(id);
  const { kind, since } = fieldsOf(state);
  expect(v === 1 && typeof database === 'string' && typeof table === 'string');
  expect(STATES.has(kind) && typeof since === 'string' && typeof held === 'boolean');
  expect(Array.isArray(key) && Array.isArray(columns));
  return value as TableRecord;
}

const STATES: ReadonlySet<unknown> = new Set<TableEntry['state']['kind']>([
  'followed',
  'excluded',
  'invisible',
  'stopped',
  'gone',
]);
