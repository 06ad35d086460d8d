import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import { InvariantBroken } from '../errors/error.ts';
import type { LiveDelete } from '../sink/control-effects.ts';
import {
  BEFORE_ALL,
  type KeyGeneration,
  type StoredColumn,
  type StoredTable,
} from './stored-table.ts';
import { columnIdentity, everyColumn } from './table-form.ts';

/** A generation with where the next one begins: its rows are behind `after`, and up to `upTo` where that is known. */
export interface GenerationRange extends KeyGeneration {
  readonly upTo: Sequence | undefined;
  /** Commit time of that place, where known. */
  readonly endedAtUs: number | undefined;
}

/** Every generation of the table's key, oldest first. */
export function generationsOf(table: StoredTable): readonly GenerationRange[] {
  const list = table.generations ?? [{ after: BEFORE_ALL, key: keyIdentities(table) }];
  return list.map((generation, index) => {
    const next = list[index + 1];
    return { ...generation, upTo: next?.after, endedAtUs: next?.committedAtUs };
  });
}

/** The generation of the rows behind a sequence. */
export function generationAfter(table: StoredTable, seq: Sequence): GenerationRange {
  return newest(generationsOf(table).filter(({ after }) => after <= seq));
}

/** The generation that rows just before a sequence belong to. */
export function generationBefore(table: StoredTable, seq: Sequence): GenerationRange {
  return newest(generationsOf(table).filter(({ after }) => after < seq));
}

/** Generations that end when a cut is published: their live rows end with them. */
function endedGenerations(
  table: StoredTable,
  from: Sequence | undefined,
  cut: Sequence,
): readonly (GenerationRange & { readonly upTo: Sequence })[] {
  return generationsOf(table).flatMap((generation) => {
    const { upTo } = generation;
    const ends = upTo !== undefined && upTo <= cut && (from === undefined || upTo > from);
    return ends ? [{ ...generation, upTo }] : [];
  });
}

/**
 * The deletes that a cut brings because keys change: every live row ends under the old one.
 * @param shown  the cut that a table showed before; `stays` where it does not move
 */
export function keyEnds(
  tables: Iterable<StoredTable>,
  shown: (table: TableName) => Sequence | undefined | 'stays',
  cut: Sequence,
): readonly LiveDelete[] {
  return [...tables].flatMap((table) => {
    const from = table.generations ? shown(table.name) : 'stays';
    if (from === 'stays') return [];
    return endedGenerations(table, from, cut).map(({ upTo: seq, endedAtUs }) => ({
      ...{ table: table.name, seq },
      ...(endedAtUs === undefined ? {} : { committedAtUs: endedAtUs }),
    }));
  });
}

/** The key columns by what they are, not by what they are called. */
export function keyIdentities({ columns, key }: StoredTable): readonly string[] {
  return key.map((name) => {
    const column = columns.find((candidate) => candidate.name === name);
    if (!column) throw new InvariantBroken(`key column ${name} is not stored`);
    return columnIdentity(column);
  });
}

/** The columns that rows of a generation are told apart by. */
export function keyColumns(table: StoredTable, { key }: KeyGeneration): readonly StoredColumn[] {
  const byIdentity = new Map(everyColumn(table).map((c) => [columnIdentity(c), c]));
  return key.map((identity) => {
    const column = byIdentity.get(identity);
    if (!column) throw new InvariantBroken(`key column ${identity} of ${table.name} is not stored`);
    return column;
  });
}

function newest(generations: readonly GenerationRange[]): GenerationRange {
  const last = generations.at(-1);
  if (!last) throw new InvariantBroken('a table without a generation of its key');
  return last;
}

const FIRST_BITS = 128n;

/** The greatest sequence before another one. */
export function sequenceBefore(seq: Sequence): Sequence {
  const number = BigInt.asUintN(Number(FIRST_BITS), BigInt(`0x${seq.replaceAll('/', '')}`) - 1n);
  const digits = number.toString(16).toUpperCase().padStart(32, '0');
  return `${digits.slice(0, 8)}/${digits.slice(8, 24)}/${digits.slice(24)}` as Sequence;
}
