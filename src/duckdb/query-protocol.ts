/**
 * A question is one line of JSON over the owner's socket, its answer several: a connection may ask
 * several times, one after another.
 */
export interface QueryRequest {
  /** One SELECT, or WITH, DESCRIBE, SHOW, SUMMARIZE. */
  readonly sql: string;
  /** Most rows that are answered; all of them when absent. */
  readonly limit?: number;
  /** Until the last row has been sent; {@link DEFAULT_QUERY_TIMEOUT_MS} when absent. */
  readonly timeoutMs?: number;
}

/** JSON-plain, in the order of the columns; numbers beyond a double, decimals, bytes and times are texts. */
export type QueryRow = readonly unknown[];

/** A line of an answer, in this order: the columns once, rows in as many frames as they need, and its end. */
export type QueryPart =
  | { readonly columns: readonly string[] }
  | { readonly rows: readonly QueryRow[] }
  | { readonly end: QueryEnd }
  | { readonly error: string };

export interface QueryEnd {
  /** There are more rows than these. */
  readonly truncated: boolean;
}

export interface QueryAnswer extends QueryEnd {
  readonly columns: readonly string[];
  readonly rows: readonly QueryRow[];
}

export const DEFAULT_QUERY_TIMEOUT_MS = 60_000;

/** An open transaction keeps DuckDB from giving up what it shows. */
export const MAX_QUERY_TIMEOUT_MS = 3_600_000;

/** Rows are sent when they are as long together, so that nothing holds more of an answer than this. */
export const FRAME_CHARS = 1 << 20;

/** Of one row, which is a frame of its own when it is longer than one: bytes of 64 MB are twice as long in hexadecimal. */
export const MAX_ROW_CHARS = 160 * 1024 * 1024;

/**
 * The lines of a socket, as {@link lineSplitter} gives them.
 * @param texts  of a socket that has an encoding
 * @throws what the socket ends with
 */
export async function* linesOf(
  texts: AsyncIterable<unknown>,
  maxChars: number,
): AsyncGenerator<string | undefined> {
  const lines: (string | undefined)[] = [];
  const split = lineSplitter(maxChars, (line) => lines.push(line));
  for await (const text of texts) {
    split(text as string);
    yield* lines.splice(0);
  }
}

/** Calls `take` with every line of a stream, also when it comes in pieces; with `undefined` and no more when one is longer than the limit. */
export function lineSplitter(
  maxChars: number,
  take: (line: string | undefined) => void,
): (text: string) => void {
  let pieces: string[] = [];
  let length = 0;
  let ended = false;
  return (text) => {
    if (ended) return;
    const lines = text.split('\n');
    const rest = lines.pop() ?? '';
    for (const line of lines) {
      take(pieces.length === 0 ? line : pieces.join('') + line);
      pieces = [];
      length = 0;
    }
    if (rest !== '') pieces.push(rest);
    length += rest.length;
    ended = length > maxChars;
    if (ended) take(undefined);
  };
}
