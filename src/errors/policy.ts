import { CATALOGUE, type ErrorCode, type Outcome } from './catalogue.ts';
import { InvariantBroken, SluiceError } from './error.ts';

/** What is to be done about a failure, and what may be said about it. JSON-plain. */
export interface FailureVerdict {
  readonly code: ErrorCode;
  readonly outcome: Outcome;
  /** For a person. Holds no text of foreign errors: those may quote row values or secrets. */
  readonly message: string;
  readonly facts: SluiceError['facts'];
}

/** How many causes are looked through for one with a code; an error may be its own cause. */
const MAX_CAUSES = 16;

/** Stack lines that tell where a bug sits without filling a log line. */
const MAX_FRAMES = 6;

/**
 * The verdict on any thrown value. Pure and total: a value nobody foresaw is a bug, and bugs are
 * retried, because a restart from the stored position can lose nothing and a stopped pipeline can
 * lose its binlog. They are never quiet: callers log `internal.bug` as an error and count it.
 */
export function judgeFailure(thrown: unknown): FailureVerdict {
  if (thrown instanceof SluiceError) return codedVerdict(thrown);
  if (isCancellation(thrown)) return verdict('internal.cancelled', 'The work was cancelled.', {});
  const coded = causesOf(thrown).find((cause) => cause instanceof SluiceError);
  return coded ? codedVerdict(coded) : bugVerdict(thrown);
}

/** An abort by signal, or Temporal's cancellation of an activity or workflow. */
export function isCancellation(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    (thrown.name === 'AbortError' ||
      thrown.name === 'CancelledFailure' ||
      codeOf(thrown) === 'ABORT_ERR')
  );
}

/** Error name and places in the program, innermost first: a stack without the message that heads it. */
function stackFrames(error: Error): readonly string[] {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, MAX_FRAMES)
    .map((line) =>
      line.trim().replace(/\(?(?:file:\/\/)?\/\S*?\/((?:src|test|node_modules)\/)/, '($1'),
    );
}

function codedVerdict(error: SluiceError): FailureVerdict {
  return verdict(error.code, error.message, error.facts);
}

function bugVerdict(thrown: unknown): FailureVerdict {
  if (!(thrown instanceof Error))
    return verdict(
      'internal.bug',
      `A value of type ${typeof thrown} was thrown instead of an error.`,
      {},
    );
  const frames = stackFrames(thrown);
  const errno = codeOf(thrown);
  const what =
    thrown instanceof InvariantBroken ? `${thrown.name}: ${thrown.message}` : thrown.name;
  const where = frames[0] === undefined ? '' : ` ${frames[0]}`;
  return verdict('internal.bug', `${what}${errno === undefined ? '' : ` ${errno}`}${where}`, {
    error: thrown.name,
    ...(errno === undefined ? {} : { errno }),
    stack: frames,
  });
}

function verdict(code: ErrorCode, message: string, facts: SluiceError['facts']): FailureVerdict {
  return { code, outcome: CATALOGUE[code].outcome, message, facts };
}

function causesOf(thrown: unknown): readonly unknown[] {
  const causes: unknown[] = [];
  let next = thrown;
  while (next instanceof Error && next.cause !== undefined && causes.length < MAX_CAUSES) {
    next = next.cause;
    causes.push(next);
  }
  return causes;
}

/** `ECONNREFUSED`, `ER_DUP_ENTRY` and the like: fixed words, unlike messages. */
function codeOf(error: Error): string | undefined {
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : undefined;
}
