import { readFile } from 'node:fs/promises';
import type { SecretRef } from '../control/pipeline-spec.ts';
import { SluiceError } from '../errors/error.ts';

/**
 * The secret a reference points to, read anew at every call so that a rotated one is picked up by
 * the next connection. One line end at the end of a file is not part of the secret.
 * @throws {SluiceError} `config.secret-missing` when the variable or file is missing or empty
 */
export async function resolveSecret(
  ref: SecretRef,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string> {
  if ('env' in ref) return present(env[ref.env], `environment variable ${ref.env}`);
  const text = await readFile(ref.file, 'utf8').catch((cause: unknown) => {
    throw missing(`file ${ref.file}`, cause);
  });
  return present(text.replace(/\r?\n$/, ''), `file ${ref.file}`);
}

function present(secret: string | undefined, where: string): string {
  if (secret === undefined || secret === '') throw missing(where);
  return secret;
}

function missing(where: string, cause?: unknown): SluiceError {
  return new SluiceError(
    'config.secret-missing',
    `The ${where} holds no secret on this worker: set it and start the worker again.`,
    { cause, facts: { where } },
  );
}
