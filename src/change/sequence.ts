import type { Brand } from './brand.ts';

/**
 * Place of a record in the pipeline's total order: `EEEEEEEE/TTTTTTTTTTTTTTTT/RRRRRRRR`, upper-case
 * hex of fixed width: epoch, commit ordinal, 2 × row ordinal + part. Sorts as text; legal as
 * BigQuery's `_CHANGE_SEQUENCE_NUMBER`. Part 0 is the delete of the old key of a key change, part 1
 * everything else.
 */
export type Sequence = Brand<string, 'Sequence'>;

/** Smaller than every sequence. */
export const BEFORE_ALL = '00000000/0000000000000000/00000000' as Sequence;

export interface SequenceParts {
  readonly epoch: number;
  readonly commitOrdinal: number;
  /** 2 × row ordinal + part. */
  readonly row: number;
}

const hex = (value: number, width: number): string =>
  value.toString(16).toUpperCase().padStart(width, '0');

export function formatSequence({ epoch, commitOrdinal, row }: SequenceParts): Sequence {
  return `${sequencePrefix(epoch, commitOrdinal)}${hex(row, 8)}` as Sequence;
}

/** What the sequences of all records of a commit ordinal begin with: all but the eight digits of the row. */
export function sequencePrefix(epoch: number, commitOrdinal: number): string {
  if (epoch !== latestEpoch) {
    latestEpoch = epoch;
    latestEpochText = hex(epoch, 8);
  }
  return `${latestEpochText}/${hex(commitOrdinal, 16)}/`;
}

let latestEpoch = -1;
let latestEpochText = '';

/** The largest sequence of a commit ordinal: a row belongs to it or to an earlier one iff `seq <=` this. */
export function lastSequenceOf(epoch: number, commitOrdinal: number): Sequence {
  return `${sequencePrefix(epoch, commitOrdinal)}FFFFFFFF` as Sequence;
}

/** @throws {Error} when the text has another shape */
export function parseSequence(text: string): SequenceParts {
  const match = /^([0-9A-F]{8})\/([0-9A-F]{16})\/([0-9A-F]{8})$/.exec(text);
  if (!match) throw new Error(`not a sequence: ${text}`);
  const [, epoch = '', ordinal = '', row = ''] = match;
  return {
    epoch: Number.parseInt(epoch, 16),
    commitOrdinal: Number.parseInt(ordinal, 16),
    row: Number.parseInt(row, 16),
  };
}
