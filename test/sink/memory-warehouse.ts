import type { Sequence } from '../../src/change/sequence.ts';
import type { TableName } from '../../src/change/table.ts';
import type {
  ChangeRow,
  Cut,
  Destination,
  DestinationState,
  NewWarehouse,
  SinkBatch,
} from '../../src/sink/destination.ts';
import type { SinkKillPoint } from '../../src/sink/kill-points.ts';
import type { PartitionOffset } from '../../src/sink/record-source.ts';
import type { ControlRecord } from '../../src/topic/control-record.ts';

interface Stored {
  readonly changes: ReadonlyMap<TableName, readonly ChangeRow[]>;
  readonly pending: readonly ControlRecord[];
  readonly offsets: ReadonlyMap<string, PartitionOffset>;
  readonly cut: Cut | undefined;
}

const EMPTY: Stored = { changes: new Map(), pending: [], offsets: new Map(), cut: undefined };

/** What a warehouse has to do, in the plainest way: the changelog, folded whenever it is asked. */
export class MemoryWarehouse implements Destination {
  readonly #reach: (point: SinkKillPoint) => void;
  #stored = EMPTY;
  /** Absent while there is none; a test may take it away. */
  warehouseId: string | undefined;
  start: NewWarehouse['start'];

  constructor(reach: (point: SinkKillPoint) => void = () => {}) {
    this.#reach = reach;
  }

  get cut(): Cut | undefined {
    return this.#stored.cut;
  }

  changes(table: TableName): readonly ChangeRow[] {
    return this.#stored.changes.get(table) ?? [];
  }

  /** Newest change of each key up to the cut, deletes left out. */
  live(table: TableName): readonly ChangeRow[] {
    const last = this.#stored.cut?.lastSequence ?? ('' as Sequence);
    return liveBefore(this.changes(table).filter(({ seq }) => seq <= last));
  }

  async open(): Promise<DestinationState | undefined> {
    return this.warehouseId === undefined ? undefined : this.#state(this.warehouseId);
  }

  async create({ warehouseId, start }: NewWarehouse): Promise<DestinationState> {
    this.warehouseId = warehouseId;
    this.start = start;
    const offsets = start?.offsets.map(
      (each) => [`${each.topic}/${each.partition}`, each] as const,
    );
    this.#stored = { ...EMPTY, cut: start?.cut, offsets: new Map(offsets) };
    return this.#state(warehouseId);
  }

  #state(warehouseId: string): DestinationState {
    const { offsets, cut } = this.#stored;
    return { offsets: [...offsets.values()], cut, warehouseId };
  }

  async apply(batch: SinkBatch): Promise<readonly []> {
    const changes = new Map(this.#stored.changes);
    const began = this.start?.cut.lastSequence ?? '';
    for (const { table, rows } of batch.tables) {
      const taken = rows.filter(({ seq }) => seq > began);
      changes.set(table, [...(changes.get(table) ?? []), ...taken]);
    }
    this.#reach('sinkMidTransaction');
    let pending = [...this.#stored.pending, ...batch.control.filter(({ seq }) => seq > began)];
    const { cut } = batch;
    if (cut) {
      for (const record of pending) if (record.seq <= cut.lastSequence) obey(changes, record);
      pending = pending.filter(({ seq }) => seq > cut.lastSequence);
    }
    const offsets = new Map(this.#stored.offsets);
    for (const offset of batch.offsets) offsets.set(`${offset.topic}/${offset.partition}`, offset);
    this.#reach('sinkBeforeCommit');
    this.#stored = { changes, pending, offsets, cut: cut ?? this.#stored.cut };
    return [];
  }

  async compact(): Promise<void> {
    this.#reach('sinkCompacting');
  }

  stopped(): readonly [] {
    return [];
  }

  async close(): Promise<void> {}
}

function obey(changes: Map<TableName, readonly ChangeRow[]>, record: ControlRecord): void {
  if (record.kind !== 'truncate' && record.kind !== 'sweep') return;
  const { table, seq } = record;
  const all = changes.get(table) ?? [];
  const olderThan = record.kind === 'sweep' ? record.olderThan : seq;
  const gone = liveBefore(all.filter((row) => row.seq < seq)).filter((row) => row.seq < olderThan);
  changes.set(table, [...all, ...gone.map((row) => ({ ...row, op: 'd' as const, seq }))]);
}

function liveBefore(rows: readonly ChangeRow[]): readonly ChangeRow[] {
  const newest = new Map<string, ChangeRow>();
  for (const row of rows) {
    const known = newest.get(row.key);
    if (!known || row.seq > known.seq) newest.set(row.key, row);
  }
  return [...newest.values()].filter(({ op }) => op !== 'd');
}
