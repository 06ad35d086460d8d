/** Measures one part of Sluice alone: the task comes as JSON on stdin, the answer goes to stdout. */
import { text } from 'node:stream/consumers';
import type { SqlAddress } from '../../tools/stack/address.ts';
import type { LimitRow } from '../results.ts';
import type { SourcePosition } from '../source.ts';
import { decodeAlone } from './decode-alone.ts';
import { fixedTable } from './fixed-table.ts';
import { readAlone } from './read-alone.ts';
import { writeAlone } from './write-alone.ts';

export interface LimitTask {
  readonly kind: LimitRow['name'];
  readonly mysql: SqlAddress;
  readonly brokers: readonly string[];
  readonly database: string;
  readonly rows: number;
  readonly from: SourcePosition;
  /** The log file behind the last one of the load. */
  readonly endFile: string;
}

function measure(task: LimitTask): Promise<number> {
  switch (task.kind) {
    case 'read':
      return readAlone(task);
    case 'decode':
      return decodeAlone(task);
    case 'write':
      return writeAlone(task);
    case 'fixed-table':
      return fixedTable(task);
  }
}

const task = JSON.parse(await text(process.stdin)) as LimitTask;
process.stdout.write(`${JSON.stringify({ rowsPerSecond: await measure(task) })}\n`);
process.exit();
