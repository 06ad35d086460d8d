import type { BatchRecord } from '../src/topic/record-batch-reader.ts';
import { expectedOrder } from './order-data.ts';

type Row = Readonly<Record<string, unknown>>;

interface Envelope {
  readonly before?: Row | null;
  readonly after?: Row | null;
  readonly op?: string;
}

/** Why a sample of records is not what was written; `undefined` when it is. */
export function flawIn(sample: readonly BatchRecord[]): string | undefined {
  if (sample.length === 0) return 'no record could be read back';
  for (const { value, offset } of sample) {
    if (value === null) continue;
    const { before, after, op } = JSON.parse(value.toString()) as Envelope;
    // An order as it was first written: the new row of an insert, the old one of an update.
    const original = op === 'u' ? before : after;
    if (op !== 'd' && !isAsWritten(original))
      return `the record at offset ${offset} does not hold the row that was written`;
  }
  return undefined;
}

/** Rows of other tables than orders have random content; that they have an id is all that is known. */
function isAsWritten(row: Row | null | undefined): boolean {
  if (!row || typeof row['id'] !== 'number') return false;
  if (!('customer_id' in row)) return true;
  return Object.entries(expectedOrder(row['id'])).every(([column, value]) => row[column] === value);
}
