import { bytesAt, numberAt, readFields } from '../../src/bigquery/proto-reader.ts';
import type {
  Append,
  StreamCommit,
  StreamName,
  StreamTable,
  WriteStreams,
} from '../../src/bigquery/write-streams.ts';
import { SluiceError } from '../../src/errors/error.ts';

/** What goes wrong with one call. */
export type StreamFault = 'none' | 'lostRequest' | 'lostAnswer' | 'forgets';

interface MemoryStream {
  readonly table: string;
  readonly rows: Uint8Array[];
  state: 'open' | 'finalized' | 'committed';
}

/**
 * Pending streams in memory, for tables whose first two columns are `id` and `note`. `forgets` has
 * every stream that is there unknown from then on, whether it was committed or not.
 */
export class MemoryStreams implements WriteStreams {
  streams = new Map<StreamName, MemoryStream>();
  /** Rows of every stream that was committed, by table. */
  readonly committed = new Map<string, Uint8Array[]>();
  readonly #faults: () => StreamFault;
  #made = 0;

  constructor(faults: () => StreamFault = () => 'none') {
    this.#faults = faults;
  }

  async create({ dataset, table }: StreamTable): Promise<StreamName> {
    return this.#faulty(() => {
      this.#made += 1;
      const name = `projects/acme/datasets/${dataset}/tables/${table}/streams/s${this.#made}`;
      this.streams.set(name, { table, rows: [], state: 'open' });
      return name;
    });
  }

  async append(stream: StreamName, _: Uint8Array, requests: Iterable<Append>): Promise<void> {
    for (const { offset, rows } of requests)
      this.#faulty(() => {
        const known = this.#known(stream, 'open');
        if (known.rows.length !== offset) throw failed(`offset ${offset}`);
        known.rows.push(...rows);
      });
  }

  async finalize(stream: StreamName): Promise<number> {
    return this.#faulty(() => {
      const known = this.#known(stream, 'open');
      known.state = 'finalized';
      return known.rows.length;
    });
  }

  async commit(_: StreamTable, [name = '']: readonly StreamName[]): Promise<StreamCommit> {
    return this.#faulty(() => {
      const stream = this.streams.get(name);
      if (!stream) return 'unknown';
      if (stream.state === 'committed') return 'committed';
      this.#known(name, 'finalized').state = 'committed';
      this.committed.set(stream.table, [
        ...(this.committed.get(stream.table) ?? []),
        ...stream.rows,
      ]);
      return 'committed';
    });
  }

  async close(): Promise<void> {}

  /** The rows that are there, for the query that looks for some of them. */
  count(sql: string): number {
    const [, table = '', first = '', last = ''] =
      /`(\w+__changes)` .*BETWEEN '(.*?)' AND '(.*?)'/.exec(sql) ?? [];
    const sequences = (this.committed.get(table) ?? []).map(sequenceOf);
    return sequences.filter((seq) => seq >= first && seq <= last).length;
  }

  #known(name: StreamName, state: MemoryStream['state']): MemoryStream {
    const stream = this.streams.get(name);
    if (stream?.state === state) return stream;
    throw failed(`stream ${name}`);
  }

  #faulty<T>(work: () => T): T {
    const fault = this.#faults();
    if (fault === 'lostRequest') throw lost();
    if (fault === 'forgets') this.streams = new Map();
    const result = work();
    if (fault === 'lostAnswer') throw lost();
    return result;
  }
}

export const idOf = (row: Uint8Array): number => Number(numberAt(readFields(row), 1));
const sequenceOf = (row: Uint8Array): string => String(bytesAt(readFields(row), 3)[0]);

const lost = (): SluiceError => new SluiceError('bigquery.unreachable', 'No answer.');
const failed = (what: string): SluiceError => new SluiceError('bigquery.failed', what);
