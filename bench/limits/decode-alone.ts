import { BinlogDecoder } from '../../src/binlog/decoder.ts';
import type { LimitTask } from './limit-process.ts';
import { logEvents } from './log-events.ts';

/** Enough to outlast the warming up of the compiler, little enough to keep. */
const MAX_BYTES = 128 << 20;

/** Events that are in memory already, decoded row by row and thrown away. */
export async function decodeAlone(task: LimitTask): Promise<number> {
  const kept: Buffer[] = [];
  let bytes = 0;
  for await (const events of logEvents(task)) {
    for (const event of events) {
      kept.push(Buffer.from(event));
      bytes += event.length;
    }
    if (bytes > MAX_BYTES) break;
  }
  const startedAtMs = performance.now();
  const decoder = new BinlogDecoder();
  let rows = 0;
  for (const bytesOfEvent of kept) {
    const event = decoder.decode(bytesOfEvent);
    if (event.kind === 'rows' && event.table.id.database === task.database)
      rows += event.read().length;
  }
  return (rows * 1_000) / (performance.now() - startedAtMs);
}
