import { dirname } from 'node:path';
import { DEFAULT_SECRETS, namedSecrets, outsideScope, type SecretScope } from '../config/secret.ts';
import type { Finding } from '../control/finding.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';

/** What a worker with this scope would not open of all that the file names. */
export function secretFindings(spec: PipelineSpec, scope: SecretScope): readonly Finding[] {
  const { variables, files } = outsideScope(spec, scope);
  const outside = [...variables, ...files];
  if (outside.length === 0) return [];
  return [
    {
      check: 'secrets',
      severity: 'warning',
      message: `A worker opens ${outside.join(', ')} only when it is started with a list that has ${outside.length === 1 ? 'it' : 'them'}.`,
      fixCommand: ['sluice worker', ...optionsFor(spec)].join(' '),
    },
  ];
}

/** A list replaces the default, which stays in it, since other pipelines may need it. */
function optionsFor(spec: PipelineSpec): readonly string[] {
  const { files } = namedSecrets(spec);
  const { variables } = outsideScope(spec, DEFAULT_SECRETS);
  const folders = [...new Set(files.map((file) => dirname(file)))];
  const patterns = variables.length === 0 ? [] : [...DEFAULT_SECRETS.variables, ...variables];
  return [
    ...patterns.map((pattern) => `--secret-env '${pattern}'`),
    ...folders.map((folder) => `--secret-dir '${folder.replaceAll("'", `'\\''`)}'`),
  ];
}
