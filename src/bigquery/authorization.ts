import { GoogleAuth, Impersonated } from 'google-auth-library';
import { SluiceError } from '../errors/error.ts';
import { isNetworkCode } from './google-answer.ts';

export interface AccountSettings {
  /** Path of a service account's key; the application default credentials otherwise. */
  readonly keyFile?: string;
  /** Service account to act as. */
  readonly impersonate?: string;
}

const SCOPE = 'https://www.googleapis.com/auth/bigquery';
const IMPERSONATION_SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

/**
 * The headers that prove who the sink is, renewed in time by Google's library.
 * @throws {SluiceError} `bigquery.no-credentials` | `bigquery.denied`, of a key file | `bigquery.unreachable`
 */
export function googleAuthorization({
  keyFile,
  impersonate,
}: AccountSettings): () => Promise<Readonly<Record<string, string>>> {
  const auth = new GoogleAuth({
    ...(keyFile === undefined ? {} : { keyFilename: keyFile }),
    scopes: [impersonate === undefined ? SCOPE : IMPERSONATION_SCOPE],
  });
  const client = auth
    .getClient()
    .then((sourceClient) =>
      impersonate === undefined
        ? sourceClient
        : new Impersonated({ sourceClient, targetPrincipal: impersonate, targetScopes: [SCOPE] }),
    );
  client.catch(() => undefined);
  return async () => {
    try {
      return Object.fromEntries(await (await client).getRequestHeaders());
    } catch (error) {
      throw refusal(error, keyFile, impersonate);
    }
  };
}

/** Without an answer the account may be fine: the network is not. */
function refusal(
  error: unknown,
  keyFile: string | undefined,
  impersonate: string | undefined,
): SluiceError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (isNetworkCode(code) || /^(5\d\d|429)$/.test(code))
    return new SluiceError('bigquery.unreachable', 'No answer from Google’s token service.', {
      facts: { error: code },
    });
  // A metadata server may be slow while a machine starts; a key file is what it is.
  const refused = keyFile === undefined ? 'bigquery.no-credentials' : 'bigquery.denied';
  const source = keyFile ?? 'the application default credentials';
  const target = impersonate === undefined ? '' : `, or may not act as ${impersonate}`;
  return new SluiceError(
    refused,
    `No credentials for BigQuery: ${source} cannot be read or were refused${target}.`,
  );
}
