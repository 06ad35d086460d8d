import { type TableId, tableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { Chunk } from '../snapshot/chunk-reader.ts';
import type { SnapshotTable } from '../snapshot/plan.ts';
import type { CopyTarget } from '../snapshot/runner.ts';
import type { Admission } from './admission.ts';
import type { BatchWriter } from './batch-writer.ts';
import type { Definitions } from './definitions.ts';
import type { CaptureKillPoint } from './kill-points.ts';
import type { TableRouter } from './table-router.ts';
import type { Tables } from './tables.ts';

export interface CopyParts {
  readonly admission: Admission;
  readonly router: TableRouter;
  readonly batch: BatchWriter;
  readonly tables: Tables;
  readonly definitions: Definitions;
  readonly reach: (point: CaptureKillPoint) => void;
}

/** Puts copies of tables into the batch, with the records that say what they cover. */
export class TableCopies implements CopyTarget {
  readonly #parts: CopyParts;

  constructor(parts: CopyParts) {
    this.#parts = parts;
  }

  begin({ table, snapshotId }: SnapshotTable): void {
    this.#parts.batch.control({ kind: 'snapshotBegin', table, snapshotId });
  }

  async emit({ schema }: Chunk, surviving: Chunk['rows']): Promise<void> {
    const { admission, router, batch, tables, reach } = this.#parts;
    reach('captureChunkRead');
    await admission.ensureTopics([schema.id]);
    const routing = router.routing(schema);
    if (routing.kind === 'stop') tables.stop(schema.id, routing.error);
    if (routing.kind !== 'route') return;
    try {
      batch.chunk(surviving, routing.route, batch.snapshotSource(schema.id));
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      tables.stop(schema.id, error);
    }
    reach('captureChunkEmitted');
  }

  end({ table, snapshotId, beganAt, mode }: SnapshotTable): void {
    this.#parts.batch.endCopy(table, snapshotId, beganAt, mode !== 'initial');
  }

  abandon({ table, snapshotId }: SnapshotTable): void {
    this.#parts.batch.endCopy(table, snapshotId);
  }

  /** Whether it was dropped, or hidden, is told by a look once the stream has passed what the server has done. */
  gone(id: TableId): void {
    this.#parts.definitions.touched(id);
  }

  failed(id: TableId, error: SluiceError): void {
    const name = tableName(id);
    const text = error.message.includes(name) ? error.message : `${name}: ${error.message}`;
    this.#parts.tables.stop(id, new SluiceError(error.code, text, { cause: error }));
  }
}
