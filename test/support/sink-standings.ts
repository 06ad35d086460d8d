import type { Checkpoint } from '../../src/change/checkpoint.ts';
import type { Sequence } from '../../src/change/sequence.ts';
import { type TableName, tableName } from '../../src/change/table.ts';
import {
  announcements,
  type ContinuityMap,
  firstFacts,
  standingOf,
} from '../../src/sink/continuity.ts';
import { controlEffects, type KnownTables } from '../../src/sink/control-effects.ts';
import { cutOf } from '../../src/sink/destination.ts';
import { type ControlRecord, parseControlRecord } from '../../src/topic/control-record.ts';
import { type OutgoingRecord, SEQUENCE_HEADER } from '../../src/topic/publisher.ts';
import { internalTopics } from '../../src/topic/topic-name.ts';

/** How a sink says that tables stand which takes the records of a pipeline, one checkpoint after another. */
export class SinkStandings {
  readonly #prefix: string;
  #known: KnownTables = { continuity: new Map(), pending: [], start: undefined, cut: undefined };

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Takes all that was committed since the last checkpoint. */
  take(records: readonly OutgoingRecord[], checkpoint: Checkpoint): void {
    const { positions, schemas, control } = internalTopics(this.#prefix);
    const cut = cutOf(checkpoint);
    const said = records
      .filter(({ topic, value }) => topic === control && value !== null)
      .map(({ value }) => parseControlRecord(value ?? ''))
      .sort((a, b) => (a.seq < b.seq ? -1 : a.seq > b.seq ? 1 : 0));
    const rows = records.filter(
      ({ topic, value }) => value !== null && ![positions, schemas, control].includes(topic),
    );
    const tables = [...Map.groupBy(rows, ownerOf)].map(([table, its]) => ({
      table,
      rows: its
        .map((record) => ({ seq: sequenceOf(record) }))
        .sort((a, b) => (a.seq < b.seq ? -1 : 1)),
    }));
    const batch = { tables: tables as never, control: said, cut };
    const { continuity, pending } = controlEffects(this.#known, batch);
    this.#known = { ...this.#known, continuity: withFirst(continuity, said, tables), pending, cut };
  }

  get tables(): readonly TableName[] {
    return [...this.#known.continuity.keys()];
  }

  /** `undefined` for a table that is not listed. */
  status(name: TableName): string | undefined {
    const facts = this.#known.continuity.get(name);
    return facts && standingOf(facts, undefined, undefined)?.status;
  }
}

/** A table is known since the first schema or row of it. */
function withFirst(
  continuity: ContinuityMap,
  control: readonly ControlRecord[],
  tables: readonly {
    readonly table: TableName;
    readonly rows: readonly { readonly seq: Sequence }[];
  }[],
): ContinuityMap {
  const all = new Map(continuity);
  const isAnnounced = announcements(control);
  for (const { table, rows } of tables) {
    const [first] = rows;
    const known = all.get(table);
    if (first && known?.since === undefined && known?.goneSince === undefined)
      all.set(table, firstFacts(known, first.seq, isAnnounced(table, first.seq), undefined));
  }
  return all;
}

function ownerOf({ value }: OutgoingRecord): TableName {
  const { source } = JSON.parse(value ?? '') as {
    readonly source: { readonly db: string; readonly table: string };
  };
  return tableName({ database: source.db, table: source.table });
}

const sequenceOf = ({ headers }: OutgoingRecord): Sequence =>
  (headers.find(([name]) => name === SEQUENCE_HEADER)?.[1] ?? '') as Sequence;
