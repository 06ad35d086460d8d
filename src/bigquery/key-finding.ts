import { type Finding, ok } from '../control/finding.ts';
import { identifier, text } from './bigquery-dialect.ts';
import { grantOnKey, type KmsKey, type Member, parseKmsKey } from './grant.ts';

/** What is known about a key of the user's own. */
export interface KeyTrial {
  readonly project: string;
  readonly location: string;
  readonly kmsKey: string;
  /** BigQuery's own account, which encrypts; absent when it could not be asked for. */
  readonly encrypter: Member;
  /** Datasets that are there, with the key each encrypts new tables with. */
  readonly datasets: readonly { readonly name: string; readonly key: string | undefined }[];
}

/** The key is BigQuery's to use and not the sink's, so that no permission of it can be tried. */
export function keyFindings(trial: KeyTrial): readonly Finding[] {
  const { kmsKey, location } = trial;
  const key = parseKmsKey(kmsKey);
  if (!key)
    return [
      fatalKey(
        `${kmsKey} is not projects/P/locations/L/keyRings/R/cryptoKeys/K, as a key's name is.`,
      ),
    ];
  const place = keyLocation(location);
  if (key.location !== place)
    return [
      fatalKey(
        `The key is in location ${key.location}; tables in ${location} need one in ${place}.`,
      ),
    ];
  return [...unencrypted(trial), encrypterFinding(trial, key)];
}

const fatalKey = (message: string): Finding => ({ check: 'kmsKey', severity: 'fatal', message });

/** Multi-regions have other names in Cloud KMS. */
function keyLocation(location: string): string {
  const lower = location.toLowerCase();
  return lower === 'eu' ? 'europe' : lower;
}

/** A dataset that somebody made without the key would keep rows without it, and nothing would show that. */
function unencrypted({ project, kmsKey, datasets }: KeyTrial): readonly Finding[] {
  return datasets
    .filter(({ key }) => key !== kmsKey)
    .map(({ name, key }) => ({
      check: `datasets.${name}`,
      severity: 'fatal',
      message: `Dataset ${name} encrypts new tables with ${key === undefined ? 'no key of yours' : 'another key'}; its tables would not have kmsKey.`,
      fixSql: `ALTER SCHEMA ${identifier(project)}.${identifier(name)} SET OPTIONS (default_kms_key_name = ${text(kmsKey)})`,
    }));
}

function encrypterFinding({ kmsKey, encrypter, datasets }: KeyTrial, key: KmsKey): Finding {
  const message = `BigQuery's own account ${encrypter ?? '(its name could not be asked for)'} needs to encrypt and decrypt with the key; whether it may cannot be tried from outside.`;
  if (datasets.some((dataset) => dataset.key === kmsKey)) return ok('kmsKey', message);
  return {
    check: 'kmsKey',
    severity: 'warning',
    message,
    fixCommand: grantOnKey(key, encrypter),
  };
}
