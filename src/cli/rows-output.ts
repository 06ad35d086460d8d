import { SluiceError } from '../errors/error.ts';
import type { QueryPart } from '../workers/query.ts';
import type { Console } from './console.ts';
import { tableLayout } from './table.ts';
import { visibleInLine } from './visible-text.ts';

/** Formats that are written while the rows come. */
export const ROW_FORMATS = ['table', 'jsonl', 'csv'] as const;
export type RowFormat = (typeof ROW_FORMATS)[number];

type Row = readonly unknown[];

export interface WrittenRows {
  readonly count: number;
  /** There are more rows than these. */
  readonly truncated: boolean;
}

/** Writes rows of an answer while they come, and holds no more of them than a table needs to be aligned. */
export async function writeRows(
  format: RowFormat,
  parts: AsyncIterable<QueryPart>,
  console: Console,
): Promise<WrittenRows> {
  let text: RowText | undefined;
  let count = 0;
  let truncated = false;
  const write = async (lines: string): Promise<void> => {
    if (lines !== '') await console.write(lines);
  };
  for await (const part of parts) {
    if ('columns' in part) text = TEXTS[format](part.columns);
    else if ('rows' in part) {
      count += part.rows.length;
      await write(text?.lines(part.rows) ?? '');
    } else if ('end' in part) truncated = part.end.truncated;
  }
  await write(text?.rest() ?? '');
  return { count, truncated };
}

interface RowText {
  /** Lines that can be written now. */
  lines(rows: readonly Row[]): string;
  /** Lines that were held back. */
  rest(): string;
}

const TEXTS: Readonly<Record<RowFormat, (columns: readonly string[]) => RowText>> = {
  table: (columns) => new TableText(columns),
  jsonl: jsonLines,
  csv: csvLines,
};

/** @throws {SluiceError} `cli.usage` when an object would lose a value */
function jsonLines(columns: readonly string[]): RowText {
  const twice = columns.find((name, index) => columns.indexOf(name) !== index);
  if (twice !== undefined)
    throw new SluiceError(
      'cli.usage',
      `Two columns are called ${twice}: a line of jsonl names each value, so give one another name with AS.`,
    );
  const names = columns.map((name) => JSON.stringify(name));
  const line = (row: Row): string =>
    `{${row.map((value, index) => `${names[index]}:${JSON.stringify(value)}`).join(',')}}\n`;
  return { lines: (rows) => rows.map(line).join(''), rest: () => '' };
}

/** RFC 4180: a NULL is nothing at all, an empty text is two quotes. */
function csvLines(columns: readonly string[]): RowText {
  const line = (cells: readonly string[]): string => `${cells.join(',')}\r\n`;
  let head = line(columns.map(csvCell));
  const take = (): string => {
    const taken = head;
    head = '';
    return taken;
  };
  return {
    lines: (rows) => `${take()}${rows.map((row) => line(row.map(csvCell))).join('')}`,
    rest: take,
  };
}

function csvCell(value: unknown): string {
  if (value === null) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows that decide how wide the columns are; the ones behind them come as they are. */
const ALIGNED_ROWS = 1_000;
const ALIGNED_CHARS = 4 * 1024 * 1024;

class TableText implements RowText {
  readonly #heads: readonly string[];
  #held: (readonly string[])[] = [];
  #heldChars = 0;
  #layout: ((cells: readonly string[]) => string) | undefined;

  constructor(columns: readonly string[]) {
    this.#heads = columns.map(shown);
  }

  lines(rows: readonly Row[]): string {
    return rows.map((row) => this.#take(row.map(cellText))).join('');
  }

  rest(): string {
    return this.#layout ? '' : this.#release();
  }

  #take(cells: readonly string[]): string {
    if (this.#layout) return `${this.#layout(cells)}\n`;
    this.#held.push(cells);
    this.#heldChars += cells.reduce((sum, { length }) => sum + length, 0);
    const isEnough = this.#held.length >= ALIGNED_ROWS || this.#heldChars >= ALIGNED_CHARS;
    return isEnough ? this.#release() : '';
  }

  #release(): string {
    const layout = tableLayout(this.#heads, this.#held);
    const lines = [this.#heads, ...this.#held].map((cells) => `${layout(cells)}\n`).join('');
    this.#layout = layout;
    this.#held = [];
    return lines;
  }
}

const cellText = (value: unknown): string =>
  shown(typeof value === 'string' ? value : nestedText(value));

const BYTES = /^\\x[0-9a-f]*$/;

/** Lists as `[1, "a"]`, structs as `{srid: 4326, wkb: \x0101}`. */
function nestedText(value: unknown): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return BYTES.test(value) ? value : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(nestedText).join(', ')}]`;
  if (typeof value !== 'object') return JSON.stringify(value);
  const fields = Object.entries(value as Readonly<Record<string, unknown>>);
  return `{${fields.map(([name, field]) => `${name}: ${nestedText(field)}`).join(', ')}}`;
}

/** Of a cell: more is for a program, which asks for another format. */
const MAX_SHOWN_CHARS = 1_000;

function shown(text: string): string {
  const head =
    text.length <= MAX_SHOWN_CHARS
      ? text
      : `${text.slice(0, MAX_SHOWN_CHARS)}… (${text.length} characters; --output json, jsonl and csv have all)`;
  return visibleInLine(head);
}
