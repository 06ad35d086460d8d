import { hash } from 'node:crypto';
import type { SqlAddress } from '../tools/stack/address.ts';
import { type JsonValue, parseExactJson } from './canonical-text.ts';
import { sourceRows, type TableShape } from './compare-tables.ts';
import { readTopics, type TopicRecord } from './read-topics.ts';

export interface TopicAudit {
  readonly topic: string;
  readonly records: number;
  /** Records whose sequence another record of the topic has, too. */
  readonly duplicates: number;
  /** Records that cannot come where they are: a lower sequence, a second create, an update of a deleted row. */
  readonly disorders: number;
  /** Rows of the source that the topic, folded, does not give, and the other way round. */
  readonly differences: number;
  /** The first of any of these, by key; never values. */
  readonly examples: readonly string[];
  /** Of every record, each once. */
  readonly seqs: ReadonlySet<string>;
  /** None of its records has expired. */
  readonly isWhole: boolean;
  /** Sequences of the truncates and sweeps, which are records of the control topic alone. */
  readonly tableEvents: readonly string[];
}

/** What the control topic says about whole tables. */
interface TableEvent {
  readonly seq: string;
  /** Rows whose newest record is older than this are gone. */
  readonly olderThan: string;
}

/** What stored rows have in a column that was added with a constant; no record of theirs shows it. */
interface AddedColumn {
  readonly seq: string;
  readonly name: string;
  /** JSON as a row image has it. */
  readonly value: string;
}

/** What only the control topic tells of a table. */
interface TableHistory {
  readonly events: TableEvent[];
  readonly added: AddedColumn[];
}

interface KeyState {
  readonly live: boolean;
  readonly seq: string;
  /** Of the row's canonical texts. */
  readonly digest: string;
}

type Envelope = Readonly<Record<string, JsonValue | null>>;

const MAX_EXAMPLES = 10;
const EPOCH_DIGITS = 8;

/**
 * Reads the topics of all tables with an independent client and checks what a consumer relies on:
 * every sequence once, rising in each partition; per key a history that can have happened; and the
 * last word on every key equal to the source's row. Nothing may be written meanwhile.
 * @throws the signal's reason once it is aborted
 */
export async function auditTopics(
  mysql: SqlAddress,
  brokers: readonly string[],
  prefix: string,
  shapes: readonly TableShape[],
  signal?: AbortSignal,
): Promise<readonly TopicAudit[]> {
  const histories = await readHistories(brokers, prefix, signal);
  const readers = new Map(
    shapes.map((shape) => {
      const name = `${shape.database}.${shape.table}`;
      return [
        `${prefix}.${name}`,
        new TopicReader(
          `${prefix}.${name}`,
          shape,
          histories.get(name) ?? { events: [], added: [] },
        ),
      ];
    }),
  );
  const shortened = await readTopics(
    brokers,
    [...readers.keys()],
    (record) => readers.get(record.topic)?.take(record),
    signal,
  );
  const audits: TopicAudit[] = [];
  for (const [topic, reader] of readers) {
    signal?.throwIfAborted();
    audits.push({ ...(await reader.finish(mysql)), isWhole: !shortened.has(topic) });
  }
  return audits;
}

async function readHistories(
  brokers: readonly string[],
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, TableHistory>> {
  const histories = new Map<string, TableHistory>();
  const take = ({ value }: TopicRecord): void => {
    const record = JSON.parse(value ?? '{}') as Partial<
      Record<'kind' | 'seq' | 'table' | 'olderThan', string>
    > & { readonly defaults?: readonly Omit<AddedColumn, 'seq'>[] };
    const { kind, seq = '', table = '', defaults = [] } = record;
    const history = histories.get(table) ?? { events: [], added: [] };
    histories.set(table, history);
    if (kind === 'columns') history.added.push(...defaults.map((each) => ({ seq, ...each })));
    if (kind !== 'truncate' && kind !== 'sweep') return;
    const olderThan = kind === 'truncate' ? seq : (record.olderThan ?? '');
    history.events.push({ seq, olderThan });
  };
  await readTopics(brokers, [`${prefix}.__sluice.control`], take, signal);
  return histories;
}

class TopicReader {
  readonly #topic: string;
  readonly #shape: TableShape;
  readonly #events: readonly TableEvent[];
  readonly #added: readonly AddedColumn[];
  readonly #keys = new Map<string, KeyState>();
  readonly #seqs = new Set<string>();
  readonly #lastOfPartition = new Map<
    number,
    { readonly seq: string; readonly key: string; readonly op: string }
  >();
  readonly #examples: string[] = [];
  #records = 0;
  #duplicates = 0;
  #disorders = 0;
  #differences = 0;

  constructor(topic: string, shape: TableShape, { events, added }: TableHistory) {
    this.#topic = topic;
    this.#shape = shape;
    this.#events = events;
    this.#added = added;
  }

  take({ partition, key, value, headers }: TopicRecord): void {
    const seq = headers['__sluice.seq'] ?? '';
    const rowKey = this.#canonicalKey(key ?? '');
    const last = this.#lastOfPartition.get(partition);
    if (value === null) {
      if (last?.op !== 'd' || last.seq !== seq || last.key !== rowKey)
        this.#disorder(rowKey, 'tombstone without its delete');
      return;
    }
    const envelope = parseExactJson(value) as Envelope;
    const op = typeof envelope['op'] === 'string' ? envelope['op'] : '?';
    this.#lastOfPartition.set(partition, { seq, key: rowKey, op });
    this.#records += 1;
    if (this.#seqs.has(seq)) {
      this.#duplicates += 1;
      this.#example(rowKey, `sequence ${seq} twice`);
    }
    this.#seqs.add(seq);
    if (last !== undefined && seq <= last.seq)
      this.#disorder(rowKey, `sequence ${seq} after ${last.seq}`);
    this.#step(rowKey, seq, op, envelope);
  }

  /** Folds one change into its key's state. */
  #step(key: string, seq: string, op: string, envelope: Envelope): void {
    const known = this.#keys.get(key);
    // What happened between two epochs was never read, so a history may begin anew there.
    if (known?.seq.slice(0, EPOCH_DIGITS) === seq.slice(0, EPOCH_DIGITS)) {
      const live = known.live && !this.#isGone(known.seq, seq);
      if (op === 'c' && live) this.#disorder(key, 'created while it lives');
      if (op !== 'c' && !live) this.#disorder(key, `${op} of a row that is gone`);
    }
    const after = envelope['after'];
    const live = op !== 'd';
    if (live && (typeof after !== 'object' || after === null))
      this.#disorder(key, `${op} without a row`);
    const digest = live ? this.#digest(after as Envelope, seq) : '';
    this.#keys.set(key, { live, seq, digest });
  }

  async finish(mysql: SqlAddress): Promise<Omit<TopicAudit, 'isWhole'>> {
    const left = new Map([...this.#keys].filter(([, { live, seq }]) => live && !this.#isGone(seq)));
    for await (const { key, values } of sourceRows(mysql, this.#shape)) {
      const state = left.get(key);
      left.delete(key);
      if (state?.digest !== digestOf(values))
        this.#differ(
          key,
          state === undefined ? 'missing in the topic' : 'another row in the topic',
        );
    }
    for (const key of left.keys()) this.#differ(key, 'only in the topic');
    return {
      topic: this.#topic,
      records: this.#records,
      duplicates: this.#duplicates,
      disorders: this.#disorders,
      differences: this.#differences,
      examples: this.#examples,
      seqs: this.#seqs,
      tableEvents: this.#events.map(({ seq }) => seq),
    };
  }

  /** Whether the row with this newest record went with its whole table, before `by` if given. */
  #isGone(seq: string, by?: string): boolean {
    return this.#events.some(
      (event) => seq < event.olderThan && (by === undefined || event.seq < by),
    );
  }

  #canonicalKey(key: string): string {
    const fields = parseExactJson(key) as Envelope;
    return JSON.stringify(this.#shape.key.map((name) => this.#text(name, fields[name])));
  }

  #digest(row: Envelope, seq: string): string {
    const value = (name: string): JsonValue | null | undefined =>
      Object.hasOwn(row, name) ? row[name] : this.#constant(name, seq);
    return digestOf(this.#shape.columns.map(({ name }) => this.#text(name, value(name))));
  }

  /** What a row of before the column has in it. */
  #constant(name: string, seq: string): JsonValue | null {
    const added = this.#added.findLast((each) => each.name === name && seq < each.seq);
    return added ? parseExactJson(added.value) : null;
  }

  #text(name: string, value: JsonValue | null | undefined): string | null {
    if (value === null || value === undefined) return null;
    return this.#shape.columns.find((column) => column.name === name)?.text.topic(value) ?? null;
  }

  #disorder(key: string, what: string): void {
    this.#disorders += 1;
    this.#example(key, what);
  }

  #differ(key: string, what: string): void {
    this.#differences += 1;
    this.#example(key, what);
  }

  #example(key: string, what: string): void {
    if (this.#examples.length < MAX_EXAMPLES) this.#examples.push(`${key}: ${what}`);
  }
}

function digestOf(values: readonly (string | null)[]): string {
  return hash('sha1', JSON.stringify(values), 'base64');
}
