import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OAuth2Client } from 'google-auth-library';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AccountTrial, tryAccount, tryImpersonation } from '../../src/bigquery/account.ts';
import { type AccountFailure, accountFinding } from '../../src/bigquery/account-finding.ts';
import { googleAuthorization } from '../../src/bigquery/authorization.ts';
import { denied, googleServer, refused, type Told, told } from './google-server.ts';

const TARGET = 'sluice@acme.iam.gserviceaccount.com';
const MEMBER = 'serviceAccount:worker@acme.iam.gserviceaccount.com';

function failureOf(trial: AccountTrial): AccountFailure {
  if (trial.kind === 'failed') return trial.failure;
  throw new Error('there are credentials');
}

describe('the credentials of a sink', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-key-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const keyFile = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    chmodSync(path, 0o600);
    return path;
  };

  it('are told by the file that is missing', async () => {
    const file = join(folder, 'none.json');
    const failure = failureOf(await tryAccount({ keyFile: file }));
    expect(accountFinding(failure)).toEqual({
      check: 'credentials',
      severity: 'fatal',
      message: `keyFile ${file} cannot be read: ENOENT.`,
    });
  });

  it.each([
    ['no JSON', '{"private_key": "s3cret'],
    ['no key', '{"private_key": "s3cret"}'],
    ['a list', '["s3cret"]'],
  ])('are told by the file that is %s, never by what is in it', async (name, content) => {
    const file = keyFile(`${name}.json`, content);
    const finding = accountFinding(failureOf(await tryAccount({ keyFile: file })));
    expect(finding.message).toBe(`keyFile ${file} is not the JSON of a service account's key.`);
  });

  it('are told by the file whose key nobody can sign with', async () => {
    const key = { type: 'service_account', client_email: TARGET, private_key: 's3cret' };
    const file = keyFile('broken.json', JSON.stringify(key));
    const finding = accountFinding(failureOf(await tryAccount({ keyFile: file })));
    expect(finding).toMatchObject({ severity: 'fatal', check: 'credentials' });
    expect(finding.message).toContain(file);
    expect(JSON.stringify(finding)).not.toContain('s3cret');
    // The worker stops with it, too, and does not wait for a network that is there.
    await expect(googleAuthorization({ keyFile: file })()).rejects.toMatchObject({
      code: 'bigquery.denied',
    });
  });

  /** Federated credentials say themselves where tokens are to be had. */
  const federated = async (answer: Told): Promise<readonly [AccountTrial, file: string]> => {
    await using server = await googleServer(() => answer);
    const subject = keyFile('subject.txt', 's3cret');
    const file = keyFile(
      'federated.json',
      JSON.stringify({
        type: 'external_account',
        audience:
          '//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/p/providers/q',
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        token_url: `${server.url}/v1/token`,
        credential_source: { file: subject },
      }),
    );
    return [await tryAccount({ keyFile: file }), file];
  };

  it('are had of a token service, also where they do not say whose they are', async () => {
    const token = { access_token: 'federated', token_type: 'Bearer', expires_in: 3600 };
    const [trial] = await federated(told(token));
    expect(trial).toMatchObject({
      kind: 'account',
      member: undefined,
      headers: { authorization: 'Bearer federated' },
    });
  });

  it('are told by the file that a token service refuses, and by its word for it', async () => {
    const body = { error: 'invalid_grant', error_description: 's3cret is no token' };
    const [trial, file] = await federated({ status: 400, body });
    const finding = accountFinding(failureOf(trial));
    expect(finding.message).toContain(`Google does not take ${file}: 400 invalid_grant.`);
    expect(JSON.stringify(finding)).not.toContain('s3cret');
  });

  const impersonated = async (answer: Told): Promise<AccountTrial> => {
    await using server = await googleServer(() => answer);
    const sourceClient = new OAuth2Client();
    sourceClient.setCredentials({ access_token: 'token', expiry_date: Date.now() + 3_600_000 });
    return await tryImpersonation({ sourceClient, targetPrincipal: TARGET }, MEMBER, server.url);
  };

  it('are those of the account that is acted as', async () => {
    const expireTime = new Date(Date.now() + 3_600_000).toISOString();
    const trial = await impersonated(told({ accessToken: 'other', expireTime }));
    expect(trial).toMatchObject({
      kind: 'account',
      member: `serviceAccount:${TARGET}`,
      headers: { authorization: 'Bearer other' },
    });
  });

  it('come with the grant that lets one account act as the other', async () => {
    const message =
      "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).";
    const failure = failureOf(await impersonated(denied('IAM_PERMISSION_DENIED', message)));
    expect(accountFinding(failure)).toMatchObject({
      severity: 'fatal',
      fixCommand: `gcloud iam service-accounts add-iam-policy-binding ${TARGET} --member=${MEMBER} --role=roles/iam.serviceAccountTokenCreator`,
    });
  });

  it('cannot be had of an account that is not there', async () => {
    const failure = failureOf(await impersonated(refused(404, 'notFound', 'Not found; Gaia id')));
    expect(accountFinding(failure).message).toBe(
      `There is no service account ${TARGET} to act as.`,
    );
  });

  it.each<[AccountFailure, string, string | undefined]>([
    [{ kind: 'noDefault' }, 'no application default credentials', 'application-default login'],
    [{ kind: 'unusable', source: '/k.json' }, '/k.json cannot be used', undefined],
    [
      { kind: 'refused', source: '/k.json', status: 400, reason: 'invalid_grant' },
      'Google does not take /k.json: 400 invalid_grant.',
      undefined,
    ],
    [
      { kind: 'refused', status: 400, reason: 'invalid_grant' },
      'Google does not take the application default credentials',
      'application-default login',
    ],
    [{ kind: 'silent', error: 'ENOTFOUND' }, 'No answer from Google', undefined],
    [
      {
        kind: 'notImpersonated',
        target: TARGET,
        member: undefined,
        status: 403,
        reason: 'PERMISSION_DENIED',
      },
      'MEMBER stands for the account',
      '--member=MEMBER',
    ],
  ])('are told apart when they fail: %j', (failure, message, command) => {
    const finding = accountFinding(failure);
    expect(finding.severity).toBe('fatal');
    expect(finding.message).toContain(message);
    if (command === undefined) expect(finding.fixCommand).toBeUndefined();
    else expect(finding.fixCommand).toContain(command);
  });
});
