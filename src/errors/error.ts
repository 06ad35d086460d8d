import { CATALOGUE, type ErrorCode } from './catalogue.ts';

/**
 * A failure somebody can act on. The message says what failed, on which table or position, and what
 * to do next; it never holds a secret or a row value.
 */
export class SluiceError extends Error {
  readonly code: ErrorCode;
  /** JSON-plain facts for incidents and `--json`: names, positions, counts. */
  readonly facts: Readonly<Record<string, string | number | boolean | readonly string[]>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly facts?: SluiceError['facts'] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SluiceError';
    this.code = code;
    this.facts = options.facts ?? {};
  }

  get entry(): (typeof CATALOGUE)[ErrorCode] {
    return CATALOGUE[this.code];
  }
}

/** A broken promise inside the program: a bug, never the user's doing. */
export class InvariantBroken extends Error {
  override readonly name = 'InvariantBroken';
}
