export type Json = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly status: number;
  readonly body: Json;
}

/** As `errors[]` of an answer and `errorResult` of a job name it. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
  /** Of the single rows, where the message only says that there are some. */
  readonly details?: readonly string[];
}

/** Words that Google's answers have beside the number. */
const STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ALREADY_EXISTS',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
};

/** An answer other than 2xx, shaped as Google's. BigQuery sends no `Retry-After` with any. */
export function refusal(status: number, { reason, message }: Refusal): Answer {
  const errors = [{ message, domain: 'global', reason }];
  return { status, body: { error: { code: status, message, errors, status: STATUSES[status] } } };
}
