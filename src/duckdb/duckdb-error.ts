import type { ErrorCode } from '../errors/catalogue.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';

/** DuckDB's messages start with the kind of the error: `IO Error: …`. */
const KIND = /^(?:TransactionContext Error: Failed to commit: )?([A-Za-z -]+?)(?: Error)?:/;

const CODES: Readonly<Record<string, ErrorCode>> = {
  'Invalid Input': 'duckdb.value-refused',
  Conversion: 'duckdb.value-refused',
  'Out of Range': 'duckdb.value-refused',
  'Mismatch Type': 'duckdb.value-refused',
  IO: 'duckdb.io-failed',
  'Out of Memory': 'duckdb.out-of-memory',
};

/** Kinds whose messages speak of files, names and statements, never of values. */
const SPEAKS_OF_NAMES = new Set([
  'IO',
  'Out of Memory',
  'Catalog',
  'Binder',
  'Parser',
  'Permission',
]);

/**
 * A failure of DuckDB as one somebody can act on. The text of an error that may quote row values is
 * left behind, cause included. A failure that already has a code stays as it is.
 *
 * @param doing  what failed: `storing rows of shop.orders`
 */
export function duckdbFailure(doing: string, file: string, thrown: unknown): Error {
  if (thrown instanceof SluiceError || thrown instanceof InvariantBroken) return thrown;
  const message = thrown instanceof Error ? thrown.message : '';
  const kind = KIND.exec(message)?.[1] ?? 'unknown';
  if (kind === 'IO' && message.includes('Could not set lock'))
    return new SluiceError('duckdb.locked', `${file} is open in another process.`, {
      facts: { file, ...holder(message) },
    });
  const code = CODES[kind] ?? 'duckdb.failed';
  const quotable = SPEAKS_OF_NAMES.has(kind);
  const detail = quotable ? firstLine(message) : `${kind} error`;
  return new SluiceError(code, `DuckDB failed ${doing} in ${file}: ${detail}`, {
    ...(quotable ? { cause: thrown } : {}),
    facts: { file, kind },
  });
}

function holder(message: string): { readonly pid?: number } {
  const pid = /PID (\d+)/.exec(message)?.[1];
  return pid === undefined ? {} : { pid: Number(pid) };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
