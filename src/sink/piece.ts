import { type SchemaId, type TableName, type TableSchema, tableName } from '../change/table.ts';
import type { ControlRecord } from '../topic/control-record.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { ChangeRow, Cut, SinkBatch } from './destination.ts';
import type { PartitionOffset } from './record-source.ts';

/** Sequence, operation, position and the objects around them, beside the row's own text. */
const ROW_OVERHEAD_BYTES = 200;

interface OpenRows {
  readonly table: TableName;
  readonly schemaId: SchemaId;
  readonly schema: TableSchema;
  readonly rows: ChangeRow[];
}

/** A batch for the destination while it is being filled. */
export class Piece {
  readonly #rows = new Map<SchemaId, OpenRows>();
  readonly #control: ControlRecord[] = [];
  readonly #schemas = new Map<SchemaId, TableSchema>();
  readonly #offsets = new Map<string, PartitionOffset>();
  readonly #begins = new Map<string, PartitionOffset>();
  /** Roughly what the piece holds in memory. */
  bytes = 0;
  rows = 0;
  /** Of the tables that it has rows of. */
  columns = 0;
  /** How many offsets it passes. */
  offsets = 0;

  /** @param schemaId  differs between any two tables: a schema names its table */
  addRow(schemaId: SchemaId, schema: TableSchema, row: ChangeRow): void {
    let open = this.#rows.get(schemaId);
    if (!open) {
      open = { table: tableName(schema.id), schemaId, schema, rows: [] };
      this.#rows.set(schemaId, open);
      this.columns += schema.columns.length;
    }
    open.rows.push(row);
    this.bytes += row.row.length + ROW_OVERHEAD_BYTES;
    this.rows += 1;
  }

  addControl(record: ControlRecord): void {
    this.#control.push(record);
    this.bytes += ROW_OVERHEAD_BYTES;
  }

  addSchema(id: SchemaId, schema: TableSchema): void {
    this.#schemas.set(id, schema);
  }

  /** @param end  of a run: where to read on behind it */
  advance(end: PartitionOffset): void {
    this.#offsets.set(`${end.topic}/${end.partition}`, end);
  }

  /** @param begin  of the first run of a partition that is read from elsewhere than its stored offset */
  beginAt(begin: PartitionOffset): void {
    const id = `${begin.topic}/${begin.partition}`;
    if (!this.#begins.has(id)) this.#begins.set(id, begin);
  }

  /** @param without  topics that the round leaves out */
  batch(cut: Cut | undefined, without: readonly Topic[]): SinkBatch {
    return {
      tables: [...this.#rows.values()],
      control: this.#control,
      schemas: this.#schemas,
      offsets: [...this.#offsets.values()],
      cut,
      ...(this.#begins.size === 0 ? {} : { begins: [...this.#begins.values()] }),
      ...(without.length === 0 ? {} : { without }),
    };
  }
}
