/**
 * A question is one line of JSON over the owner's socket, its answer several: a connection may ask
 * several times, one after another.
 */
export interface QueryRequest {
  /** One SELECT, or WITH, DESCRIBE, SHOW, SUMMARIZE. */
  readonly sql: string;
  /** Most rows that are answered. */
  readonly limit: number;
}

type Row = readonly unknown[];

/** A line of an answer. It begins with the columns, which may come anew: what came before is void then. */
export type QueryPart =
  | { readonly columns: readonly string[] }
  | { readonly rows: readonly Row[] }
  | { readonly end: Pick<QueryAnswer, 'truncated' | 'isFull'> }
  | { readonly error: string };

export interface QueryAnswer {
  readonly columns: readonly string[];
  /** JSON-plain, in the order of `columns`; numbers beyond a double, decimals and times are texts. */
  readonly rows: readonly Row[];
  /** There are more rows than these. */
  readonly truncated: boolean;
  /** They are left out because the answer would be longer than {@link MAX_ANSWER_CHARS}. */
  readonly isFull?: true;
}

export const DEFAULT_QUERY_ROWS = 1_000;

/** Of the rows of an answer as JSON: a client holds all of them, and a text of V8 has 512 Mi at most. */
export const MAX_ANSWER_CHARS = 256 * 1024 * 1024;

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
