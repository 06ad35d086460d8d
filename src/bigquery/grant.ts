import { identifier } from './bigquery-dialect.ts';

/** A principal as IAM writes it, `serviceAccount:sluice@acme.iam.gserviceaccount.com`; absent when nobody could tell. */
export type Member = string | undefined;

/** What stands for an account whose name could not be found out. */
const UNKNOWN_MEMBER = 'MEMBER';

export const memberOf = (email: string | undefined): Member =>
  email === undefined ? undefined : `serviceAccount:${email}`;

/** Explains the stand-in, where a grant has it. */
export function memberRemark(member: Member): string {
  return member === undefined
    ? ` ${UNKNOWN_MEMBER} stands for the account, as serviceAccount:… or user:….`
    : '';
}

export function grantOnProject(project: string, role: string, member: Member): string {
  return `gcloud projects add-iam-policy-binding ${project} --member=${member ?? UNKNOWN_MEMBER} --role=${role}`;
}

/** BigQuery's own statement: IAM of the project knows nothing of single datasets. */
export function grantOnDataset(
  { project, dataset }: { readonly project: string; readonly dataset: string },
  role: string,
  member: Member,
): string {
  return `GRANT \`${role}\` ON SCHEMA ${identifier(project)}.${identifier(dataset)} TO "${member ?? UNKNOWN_MEMBER}"`;
}

/** The right to act as a service account. */
export function grantImpersonation(target: string, member: Member): string {
  return `gcloud iam service-accounts add-iam-policy-binding ${target} --member=${member ?? UNKNOWN_MEMBER} --role=roles/iam.serviceAccountTokenCreator`;
}

/** Parts of a Cloud KMS key's name. */
export interface KmsKey {
  readonly project: string;
  readonly location: string;
  readonly keyRing: string;
  readonly key: string;
}

export function parseKmsKey(name: string): KmsKey | undefined {
  const parts =
    /^projects\/([^/]+)\/locations\/([^/]+)\/keyRings\/([^/]+)\/cryptoKeys\/([^/]+)$/.exec(name);
  if (!parts) return undefined;
  const [, project = '', location = '', keyRing = '', key = ''] = parts;
  return { project, location, keyRing, key };
}

/** The right to encrypt and decrypt with a key. */
export function grantOnKey({ project, location, keyRing, key }: KmsKey, member: Member): string {
  return `gcloud kms keys add-iam-policy-binding ${key} --project=${project} --location=${location} --keyring=${keyRing} --member=${member ?? UNKNOWN_MEMBER} --role=roles/cloudkms.cryptoKeyEncrypterDecrypter`;
}

export function enableService(service: string, project: string): string {
  return `gcloud services enable ${service} --project=${project}`;
}
