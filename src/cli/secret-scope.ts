import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DEFAULT_SECRETS, type SecretScope } from '../config/secret.ts';
import { SluiceError } from '../errors/error.ts';

interface Lists {
  readonly secretEnv?: readonly string[];
  readonly secretDir?: readonly string[];
}

/**
 * What a configuration that comes from Temporal may name: by options, else by the environment, else
 * by default. A list that is given is the whole list.
 * @throws {SluiceError} `cli.usage`
 */
export async function secretScope(
  env: Readonly<Record<string, string | undefined>>,
  { secretEnv, secretDir }: Lists = {},
): Promise<SecretScope> {
  const variables = secretEnv ?? listed(env['SLUICE_WORKER_SECRET_ENV']);
  const folders = secretDir ?? listed(env['SLUICE_WORKER_SECRET_DIR']);
  for (const pattern of variables ?? [])
    if (!/^[A-Za-z_*][A-Za-z0-9_*]*$/.test(pattern))
      throw new SluiceError(
        'cli.usage',
        `--secret-env takes the name of a variable, with * for any characters: ${JSON.stringify(pattern)} is none.`,
      );
  for (const folder of folders ?? [])
    if (!(await stat(folder).catch(() => undefined))?.isDirectory())
      throw new SluiceError('cli.usage', `--secret-dir takes a folder: ${folder} is none.`);
  return {
    variables: variables ?? DEFAULT_SECRETS.variables,
    folders: folders?.map((folder) => resolve(folder)) ?? DEFAULT_SECRETS.folders,
  };
}

const listed = (text: string | undefined): readonly string[] | undefined =>
  text === undefined || text === '' ? undefined : text.split(',').map((part) => part.trim());
