/** One line of JSON each way over the owner's socket; a connection may ask several times, one after another. */
export interface QueryRequest {
  /** One SELECT, or WITH, DESCRIBE, SHOW, SUMMARIZE. */
  readonly sql: string;
  /** Most rows that are answered. */
  readonly limit: number;
}

export interface QueryAnswer {
  readonly columns: readonly string[];
  /** JSON-plain, in the order of `columns`; numbers beyond a double, decimals and times are texts. */
  readonly rows: readonly (readonly unknown[])[];
  /** There are more rows than the limit. */
  readonly truncated: boolean;
}

export type QueryResponse = QueryAnswer | { readonly error: string };

export const DEFAULT_QUERY_ROWS = 1_000;

/** Calls `take` with every line of a stream, also when it comes in pieces; with `undefined` and no more when one is longer than the limit. */
export function lineSplitter(
  maxChars: number,
  take: (line: string | undefined) => void,
): (text: string) => void {
  let rest = '';
  let ended = false;
  return (text) => {
    if (ended) return;
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
    ended = rest.length > maxChars;
    if (ended) take(undefined);
  };
}
