import { unreachable } from '../change/brand.ts';
import type { Finding } from '../control/finding.ts';
import { enableService, grantImpersonation, type Member, memberRemark } from './grant.ts';

/** Why there are no credentials. Says which file or account, never what is in it. */
export type AccountFailure =
  | { readonly kind: 'keyUnreadable'; readonly file: string; readonly error: string }
  | { readonly kind: 'notAKey'; readonly file: string }
  | { readonly kind: 'noDefault' }
  /** Found, but not what Google's library can use. */
  | { readonly kind: 'unusable'; readonly source?: string }
  /** Google's token service takes them no longer, or never did. */
  | {
      readonly kind: 'refused';
      readonly source?: string;
      readonly status: number;
      readonly reason: string;
    }
  | {
      readonly kind: 'notImpersonated';
      readonly target: string;
      /** Who tried. */
      readonly member: Member;
      readonly status: number;
      readonly reason: string;
    }
  | { readonly kind: 'silent'; readonly error: string };

const LOGIN = 'gcloud auth application-default login';
const DEFAULTS = 'the application default credentials';

export function accountFinding(failure: AccountFailure): Finding {
  const finding = (message: string, fixCommand?: string): Finding => ({
    check: 'credentials',
    severity: 'fatal',
    message,
    ...(fixCommand === undefined ? {} : { fixCommand }),
  });
  switch (failure.kind) {
    case 'keyUnreadable':
      return finding(`keyFile ${failure.file} cannot be read: ${failure.error}.`);
    case 'notAKey':
      return finding(`keyFile ${failure.file} is not the JSON of a service account's key.`);
    case 'noDefault':
      return finding(
        'This host has no application default credentials: no GOOGLE_APPLICATION_CREDENTIALS, no login, no attached service account.',
        LOGIN,
      );
    case 'unusable':
      return finding(`${capital(failure.source ?? DEFAULTS)} cannot be used as credentials.`);
    case 'refused': {
      const { source, status, reason } = failure;
      const from = source ?? DEFAULTS;
      const message = `Google does not take ${from}: ${status} ${reason}. The key was deleted, the account disabled, or the login has expired.`;
      return finding(message, source === undefined ? LOGIN : undefined);
    }
    case 'notImpersonated':
      return notImpersonated(failure, finding);
    case 'silent':
      return finding(`No answer from Google's token service: ${failure.error}.`);
    default:
      return unreachable(failure);
  }
}

function notImpersonated(
  { target, member, status, reason }: Extract<AccountFailure, { kind: 'notImpersonated' }>,
  finding: (message: string, fixCommand?: string) => Finding,
): Finding {
  const who = member ?? 'The account of this host';
  if (status === 404) return finding(`There is no service account ${target} to act as.`);
  if (status === 403)
    return finding(
      `${who} may not act as ${target}, or there is no such account.${memberRemark(member)} Where the IAM Credentials API is not enabled yet: ${enableService('iamcredentials.googleapis.com', projectOf(target))}`,
      grantImpersonation(target, member),
    );
  return finding(`${who} cannot act as ${target}: ${status} ${reason}.`);
}

/** `sluice@acme.iam.gserviceaccount.com` is of project `acme`. */
const projectOf = (account: string): string =>
  /@([^.]+)\.iam\.gserviceaccount\.com$/.exec(account)?.[1] ?? 'PROJECT';

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
