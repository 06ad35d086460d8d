import type { SinkLog, SinkRecord } from '../../src/sink/sink-log.ts';

/** A sink's record that outlives its attempts. */
export class MemorySinkLog implements SinkLog {
  record: SinkRecord | undefined;
  readonly saved: SinkRecord[] = [];

  async save(record: SinkRecord): Promise<void> {
    this.record = record;
    this.saved.push(record);
  }

  async close(): Promise<void> {}
}
