import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ADDRESS_VARIABLES, type Environment, type ServerName } from './address.ts';

export interface MissingPrerequisite {
  readonly server: ServerName;
  /** What is not there, as a person would look for it: `mvn (Maven 3)`. */
  readonly what: string;
}

/** Servers that cannot be started or reached from here; exit code 3. */
export class StackUnavailable extends Error {
  override readonly name = 'StackUnavailable';
}

/** True when a program of this name can be run from the PATH in `env`. */
export function hasProgram(program: string, env: Environment): boolean {
  return (env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** One message for everything that is missing, each with the variable that makes it unnecessary. */
export function refuseMissing(missing: readonly MissingPrerequisite[]): void {
  if (missing.length === 0) return;
  const servers = [...new Set(missing.map(({ server }) => server))];
  const lines = servers.map((server) => {
    const needs = missing.filter((entry) => entry.server === server).map(({ what }) => what);
    const { variable, form } = ADDRESS_VARIABLES[server];
    return `  ${server}: needs ${needs.join(' and ')}; or set ${variable}=${form}`;
  });
  throw new StackUnavailable(
    `No container engine answers, and this machine lacks what starting the servers without one needs:\n${lines.join('\n')}`,
  );
}
