import type { ErrorCode } from '../errors/catalogue.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type { Job, JobError } from './job.ts';

/** `reason` of BigQuery's error objects; what is not here is `bigquery.failed`. */
const REASONS: Readonly<Record<string, ErrorCode>> = {
  backendError: 'bigquery.unreachable',
  internalError: 'bigquery.unreachable',
  tableUnavailable: 'bigquery.unreachable',
  timeout: 'bigquery.unreachable',
  stopped: 'bigquery.failed',
  rateLimitExceeded: 'bigquery.rate-limited',
  jobRateLimitExceeded: 'bigquery.rate-limited',
  resourcesExceeded: 'bigquery.failed',
  quotaExceeded: 'bigquery.quota-exceeded',
  billingTierLimitExceeded: 'bigquery.quota-exceeded',
  accessDenied: 'bigquery.denied',
  forbidden: 'bigquery.denied',
  authError: 'bigquery.no-credentials',
  billingNotEnabled: 'bigquery.denied',
  blocked: 'bigquery.denied',
  notFound: 'bigquery.not-found',
  invalid: 'bigquery.value-refused',
  invalidQuery: 'bigquery.statement-refused',
  badRequest: 'bigquery.statement-refused',
  parseError: 'bigquery.statement-refused',
  invalidParameter: 'bigquery.statement-refused',
  notImplemented: 'bigquery.statement-refused',
  responseTooLarge: 'bigquery.failed',
};

/** Reasons whose messages speak of names and limits, never of values. */
const QUOTABLE: ReadonlySet<ErrorCode> = new Set([
  'bigquery.rate-limited',
  'bigquery.quota-exceeded',
  'bigquery.denied',
  'bigquery.no-credentials',
  'bigquery.not-found',
]);

/** What a script raises when the checkpoint is not the one it was written for. */
export const OTHER_WRITER = 'sluice: the checkpoint has moved';

/**
 * A load file has only columns that its table was given before, but BigQuery may learn of them a
 * while after the ALTER is done. The message of the job itself does not say it; one behind it does.
 */
const NO_SUCH_FIELD = /JSON \w+ error in row starting at position \d+: No such field: /;

/**
 * What passes by itself, though BigQuery calls it an invalid query: others write to the same table
 * (https://cloud.google.com/bigquery/docs/troubleshoot-queries).
 */
const CONFLICT = /could not serialize access|due to concurrent update|aborted due to/i;

/** More than 20 wait for a table; the reason is that of a query that is too large. */
const QUEUE_FULL = /too many DML statements outstanding/i;

/**
 * The failure of a job as one somebody can act on. Texts that may quote row values are left behind.
 *
 * @param doing  what failed: `loading rows of shop.orders`
 */
export function jobFailure(
  doing: string,
  id: string,
  job: Job,
  { reason, message }: JobError,
): SluiceError {
  const code = jobCode(job, reason, message);
  const isQuotable = QUOTABLE.has(code) || (job.kind === 'query' && job.quotable === true);
  const detail = isQuotable ? ` ${firstLine(message)}` : '';
  return new SluiceError(code, `BigQuery job ${id} failed ${doing}: ${reason}.${detail}`, {
    facts: { job: id, reason },
  });
}

function jobCode({ kind }: Job, reason: string, message: string): ErrorCode {
  if (message.includes(OTHER_WRITER)) return 'bigquery.other-writer';
  if (QUEUE_FULL.test(message)) return 'bigquery.rate-limited';
  const code = REASONS[reason] ?? 'bigquery.failed';
  if (kind === 'query') return statementCode(code, message);
  return code === 'bigquery.value-refused' && NO_SUCH_FIELD.test(message)
    ? 'bigquery.column-unknown'
    : code;
}

function statementCode(code: ErrorCode, message: string): ErrorCode {
  if (code !== 'bigquery.value-refused' && code !== 'bigquery.statement-refused') return code;
  return CONFLICT.test(message) ? 'bigquery.failed' : 'bigquery.statement-refused';
}

/** An answer of the REST API other than 2xx. */
export interface RestError {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
}

/**
 * A request that failed as one somebody can act on: without an answer, and with one of 5xx or 408,
 * nobody knows whether it was carried out.
 *
 * @param answer  `undefined` when there was none
 * @param job  what was submitted, if it was a job
 */
export function requestFailure(
  doing: string,
  answer: RestError | undefined,
  thrown: unknown,
  job?: Job,
): Error {
  if (thrown instanceof SluiceError || thrown instanceof InvariantBroken) return thrown;
  if (!answer)
    return new SluiceError('bigquery.unreachable', `No answer from BigQuery ${doing}.`, {
      facts: { error: errorWord(thrown) },
    });
  const code = answerCode(answer);
  const isQuotable = QUOTABLE.has(code) || (job?.kind === 'query' && job.quotable === true);
  const detail = isQuotable ? ` ${firstLine(answer.message)}` : '';
  return new SluiceError(
    code,
    `BigQuery answered ${answer.status} ${answer.reason} ${doing}.${detail}`,
    { facts: { status: answer.status, reason: answer.reason } },
  );
}

function answerCode({ status, reason, message }: RestError): ErrorCode {
  if (status === 408 || status >= 500) return 'bigquery.unreachable';
  if (status === 429) return 'bigquery.rate-limited';
  if (status === 401) return 'bigquery.no-credentials';
  const code = REASONS[reason];
  if (code !== undefined) return statementCode(code, message);
  if (status === 403) return 'bigquery.denied';
  if (status === 400 || status === 413) return 'bigquery.statement-refused';
  return status === 404 ? 'bigquery.not-found' : 'bigquery.failed';
}

/** Whether a statement failed for what it says, however often it is sent; or for what has its name. */
export function isStatementRefused(error: unknown): error is SluiceError {
  return (
    error instanceof SluiceError &&
    (error.code === 'bigquery.statement-refused' || error.facts['reason'] === 'duplicate')
  );
}

/** `ECONNRESET` and its kin; fixed words, unlike messages. */
function errorWord(thrown: unknown): string {
  if (!(thrown instanceof Error)) return typeof thrown;
  const code = 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : thrown.name;
}

function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, 300);
}
