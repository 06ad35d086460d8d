import { restError } from './rest-service.ts';

type Json = Readonly<Record<string, unknown>>;

/** What a Google API said to one request; a refusal is an answer like any other. */
export type GoogleAnswer =
  | { readonly kind: 'given'; readonly body: Json }
  | GoogleRefusal
  | { readonly kind: 'none'; readonly error: string };

export interface GoogleRefusal {
  readonly kind: 'refused';
  readonly status: number;
  /** Of the newer ErrorInfo where there is one (`SERVICE_DISABLED`), else BigQuery's own (`accessDenied`). */
  readonly reason: string;
  readonly message: string;
}

export interface GoogleRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON with POST; a request without one is a GET. */
  readonly body?: unknown;
}

const TIMEOUT_MS = 30_000;

/** Sends one request, once. */
export async function askGoogle({ url, headers, body }: GoogleRequest): Promise<GoogleAnswer> {
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      ...(body === undefined
        ? { headers }
        : {
            method: 'POST',
            headers: { ...headers, 'content-type': 'application/json' },
            body: JSON.stringify(body),
          }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    status = response.status;
    text = await response.text();
  } catch (error) {
    return { kind: 'none', error: networkWord(error) };
  }
  const answer = parseObject(text);
  if (status < 200 || status >= 300) return refusal(status, answer ?? {});
  return answer ? { kind: 'given', body: answer } : { kind: 'none', error: 'an answer of no JSON' };
}

function refusal(status: number, body: Json): GoogleRefusal {
  const { reason, message } = restError(status, body);
  return { kind: 'refused', status, reason: errorInfoReason(body) ?? reason, message };
}

/** `google.rpc.ErrorInfo` among the details of an error. */
function errorInfoReason(body: Json): string | undefined {
  const details = object(body['error'])['details'];
  const reasons = (Array.isArray(details) ? details : []).map((detail) => object(detail)['reason']);
  return reasons.find((reason) => typeof reason === 'string');
}

export function object(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text);
    return typeof value === 'object' && value !== null ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

/** `ECONNREFUSED` and its kin, which `fetch` keeps in the cause; else the kind of the error. */
export function networkWord(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  for (const at of [error, error.cause]) {
    const code = object(at)['code'];
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code)) return code;
  }
  return error.name;
}

/** Codes of the network, unlike those of files and of keys that cannot be used. */
export const isNetworkCode = (code: string): boolean =>
  /^E(?!RR_|NOENT|ACCES|PERM|ISDIR)[A-Z_]+$/.test(code);
