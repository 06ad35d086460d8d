import { readFile, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import type { PipelineSpec, SecretRef } from '../control/pipeline-spec.ts';
import { SluiceError } from '../errors/error.ts';

/**
 * What of its machine a process opens for a configuration. Whoever may write to the Temporal
 * namespace can send one, and name in it whatever the process may read.
 */
export interface SecretScope {
  /** Names of environment variables; `*` stands for any run of characters. */
  readonly variables: readonly string[];
  /** Folders whose files may be read, those below them too. */
  readonly folders: readonly string[];
}

/** The name says that the variable is for Sluice; no folder does. */
export const DEFAULT_SECRETS: SecretScope = { variables: ['SLUICE_*'], folders: [] };

/** Of a file that the person wrote or named who runs the command: all that this person may read. */
export const OWN_SECRETS: SecretScope = { variables: ['*'], folders: ['/'] };

/**
 * The secret a reference points to, read anew at every call so that a rotated one is picked up by
 * the next connection. One line end at the end of a file is not part of the secret.
 * @throws {SluiceError} `config.secret-refused` outside the scope; `config.secret-missing` when the
 *   variable or file is missing or empty
 */
export async function resolveSecret(
  ref: SecretRef,
  scope: SecretScope,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string> {
  if ('file' in ref) return (await readNamedFile(ref.file, scope)).replace(/\r?\n$/, '');
  const where = `environment variable ${ref.env}`;
  if (!hasVariable(scope, ref.env)) throw refused(where, `--secret-env ${ref.env}`);
  const secret = env[ref.env];
  if (secret === undefined || secret === '') throw missing(where);
  return secret;
}

/**
 * The text of a file that a configuration names.
 * @throws {SluiceError} as {@link resolveSecret}
 */
export async function readNamedFile(file: string, scope: SecretScope): Promise<string> {
  const text = await readFile(await namedFile(file, scope), 'utf8').catch((cause: unknown) => {
    throw missing(`file ${file}`, cause);
  });
  if (text.replace(/\r?\n$/, '') === '') throw missing(`file ${file}`);
  return text;
}

/**
 * Where a file that a configuration names really is. Links are followed before the folder counts:
 * those of a mounted secret lead to a file below the same folder, and no other may lead out of it.
 * @throws {SluiceError} as {@link resolveSecret}
 */
export async function namedFile(file: string, scope: SecretScope): Promise<string> {
  const folders = await Promise.all(
    scope.folders.map((folder) => realpath(folder).catch(() => folder)),
  );
  const real = await realpath(file).catch((cause: unknown) => {
    // Whether a file is there is told of the folders alone.
    if ([...scope.folders, ...folders].some((folder) => isBelow(folder, file)))
      throw missing(`file ${file}`, cause);
    return undefined;
  });
  if (real !== undefined && folders.some((folder) => isBelow(folder, real))) return real;
  const isLinkOut = folders.some((folder) => isBelow(folder, file));
  throw refused(
    isLinkOut ? `file ${file}, a link that leads out of its folder` : `file ${file}`,
    isLinkOut ? '--secret-dir for the folder that it leads to' : `--secret-dir ${dirname(file)}`,
  );
}

/** Variables and files that a specification names and the scope has not; links are not followed. */
export function outsideScope(
  spec: PipelineSpec,
  { variables, folders }: SecretScope,
): NamedSecrets {
  const named = namedSecrets(spec);
  return {
    variables: named.variables.filter((name) => !hasVariable({ variables }, name)),
    files: named.files.filter((file) => !folders.some((folder) => isBelow(folder, file))),
  };
}

export interface NamedSecrets {
  readonly variables: readonly string[];
  readonly files: readonly string[];
}

export function namedSecrets({ source, kafka, sinks }: PipelineSpec): NamedSecrets {
  const passwords = [source.password, ...(kafka.sasl ? [kafka.sasl.password] : [])];
  const keys = Object.values(sinks).map((sink) => ('keyFile' in sink ? sink.keyFile : undefined));
  const files = [
    ...passwords.map((ref) => ('file' in ref ? ref.file : undefined)),
    ...[source.tls?.ca, kafka.tls?.ca, ...keys],
  ];
  return {
    variables: [...new Set(passwords.flatMap((ref) => ('env' in ref ? [ref.env] : [])))],
    files: [...new Set(files.filter((file) => file !== undefined))],
  };
}

function hasVariable({ variables }: Pick<SecretScope, 'variables'>, name: string): boolean {
  return variables.some((pattern) => {
    const parts = pattern.split('*').map((part) => RegExp.escape(part));
    return new RegExp(`^${parts.join('.*')}$`).test(name);
  });
}

function isBelow(folder: string, file: string): boolean {
  const path = relative(resolve(folder), resolve(file));
  return path !== '' && path !== '..' && !path.startsWith('../') && !isAbsolute(path);
}

function refused(where: string, option: string): SluiceError {
  return new SluiceError(
    'config.secret-refused',
    `The configuration names the ${where}, which is not on the list of what this process opens for pipelines. If it is meant, start the worker with ${option}.`,
    { facts: { where } },
  );
}

function missing(where: string, cause?: unknown): SluiceError {
  return new SluiceError(
    'config.secret-missing',
    `The ${where} is missing or empty on this worker: set it and start the worker again.`,
    { cause, facts: { where } },
  );
}
