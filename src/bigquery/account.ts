import { readFile } from 'node:fs/promises';
import { type AuthClient, GoogleAuth, Impersonated } from 'google-auth-library';
import type { AccountFailure } from './account-finding.ts';
import type { AccountSettings } from './authorization.ts';
import { isNetworkCode, networkWord, object } from './google-answer.ts';
import { type Member, memberOf } from './grant.ts';

/** What a sink's own requests need, and what asking for the permissions of a project needs. */
const SCOPES = [
  'https://www.googleapis.com/auth/bigquery',
  'https://www.googleapis.com/auth/cloudplatformprojects.readonly',
];
const IMPERSONATION_SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

export type AccountTrial =
  | {
      readonly kind: 'account';
      readonly member: Member;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'failed'; readonly failure: AccountFailure };

const failed = (failure: AccountFailure): AccountTrial => ({ kind: 'failed', failure });

/** Gets the credentials of a sink as its worker would, step by step, so that the step that fails is known. */
export async function tryAccount({ keyFile, impersonate }: AccountSettings): Promise<AccountTrial> {
  const unreadable = keyFile === undefined ? undefined : await keyFileFailure(keyFile);
  if (unreadable) return failed(unreadable);
  const auth = new GoogleAuth({
    ...(keyFile === undefined ? {} : { keyFilename: keyFile }),
    scopes: impersonate === undefined ? SCOPES : IMPERSONATION_SCOPE,
  });
  let source: AuthClient;
  let headers: Readonly<Record<string, string>>;
  try {
    source = await auth.getClient();
    headers = await headersOf(source);
  } catch (error) {
    return failed(sourceFailure(error, keyFile));
  }
  const member = memberOf(await emailOf(auth));
  if (impersonate === undefined) return { kind: 'account', member, headers };
  return tryImpersonation({ sourceClient: source, targetPrincipal: impersonate }, member);
}

/** @param endpoint  of the IAM credentials API; Google's own when absent */
export async function tryImpersonation(
  parts: { readonly sourceClient: AuthClient; readonly targetPrincipal: string },
  member: Member,
  endpoint?: string,
): Promise<AccountTrial> {
  const target = parts.targetPrincipal;
  try {
    const client = new Impersonated({
      ...parts,
      targetScopes: SCOPES,
      ...(endpoint === undefined ? {} : { endpoint }),
    });
    return { kind: 'account', member: memberOf(target), headers: await headersOf(client) };
  } catch (error) {
    const { status, reason } = refusalOf(error);
    return failed(
      status === undefined
        ? { kind: 'silent', error: networkWord(error) }
        : { kind: 'notImpersonated', target, member, status, reason },
    );
  }
}

const headersOf = async (client: AuthClient): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries(await client.getRequestHeaders());

/** Credentials of a person, and some federated ones, do not say whose they are. */
async function emailOf(auth: GoogleAuth): Promise<string | undefined> {
  try {
    return (await auth.getCredentials()).client_email;
  } catch {
    return undefined;
  }
}

/** Looked at before Google's library does: what it throws may quote the file. */
async function keyFileFailure(file: string): Promise<AccountFailure | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    return { kind: 'keyUnreadable', file, error: networkWord(error) };
  }
  try {
    return typeof object(JSON.parse(text))['type'] === 'string'
      ? undefined
      : { kind: 'notAKey', file };
  } catch {
    return { kind: 'notAKey', file };
  }
}

const NO_DEFAULT = 'Could not load the default credentials';

function sourceFailure(error: unknown, keyFile: string | undefined): AccountFailure {
  const { status, reason } = refusalOf(error);
  const source = keyFile ?? process.env['GOOGLE_APPLICATION_CREDENTIALS'];
  const from = source === undefined || source === '' ? {} : { source };
  if (status !== undefined) return { kind: 'refused', ...from, status, reason };
  if (error instanceof Error && error.message.startsWith(NO_DEFAULT)) return { kind: 'noDefault' };
  const word = networkWord(error);
  return isNetworkCode(word) ? { kind: 'silent', error: word } : { kind: 'unusable', ...from };
}

/** Status and word of an answer in an error of Google's library; its messages may quote what was sent. */
function refusalOf(error: unknown): { readonly status?: number; readonly reason: string } {
  const response = object(object(error)['response']);
  const status = response['status'];
  const { error: word } = object(response['data']);
  const reason = typeof word === 'string' ? word : object(word)['status'];
  const known = typeof reason === 'string' && /^[A-Za-z_]{1,64}$/.test(reason) ? reason : 'unknown';
  return typeof status === 'number' ? { status, reason: known } : { reason: known };
}
