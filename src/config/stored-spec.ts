import { isAbsolute } from 'node:path';
import { CASCADES_SELECTOR } from '../change/table-pattern.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import { SluiceError } from '../errors/error.ts';
import { problemText } from './problem.ts';
import { pipelineSchema } from './schema.ts';
import { type PathProblem, schemaProblems, valueAt } from './schema-problems.ts';
import { pipelineSpec } from './to-spec.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a specification that comes from Temporal by the schema of the pipeline file: whoever may
 * write to the namespace can have sent it. One that an earlier version made gets the defaults of
 * what could not be set then. What is odd between keys is told where a file is applied, and stops
 * nothing that has been running.
 * @throws {SluiceError} `config.refused`, with every problem in `facts.problems`
 */
export function readStoredSpec(spec: unknown): PipelineSpec {
  const file = fileOf(spec);
  const parsed = pipelineSchema.safeParse(file);
  const problems = [...schemaProblems(parsed.error?.issues ?? [], file), ...placeProblems(spec)];
  if (problems.length > 0 || !parsed.success) throw refused(problems);
  return pipelineSpec(parsed.data, { folder: '/', host: '' });
}

/** What a file would say that makes this specification: the inverse of `pipelineSpec`, of anything at all. */
function fileOf(spec: unknown): unknown {
  if (!isFields(spec)) return spec;
  const { v: _, source, kafka, snapshot, ...rest } = spec;
  return {
    ...rest,
    source: sourceOf(source),
    kafka: kafkaOf(kafka),
    snapshot: snapshotOf(snapshot),
  };
}

/** A password without encryption was allowed by the file, or applied when no file had to allow it. */
function kafkaOf(kafka: unknown): unknown {
  if (!isFields(kafka) || !isFields(kafka['sasl'])) return kafka;
  return { ...kafka, sasl: { ...kafka['sasl'], allowPlaintext: true } };
}

function sourceOf(source: unknown): unknown {
  if (!isFields(source) || !Array.isArray(source['tables'])) return source;
  const tables = source['tables'].map((settings: unknown) => {
    const { pattern, ...rest } = isFields(settings) ? settings : {};
    return [String(pattern), rest] as const;
  });
  return { ...source, tables: Object.fromEntries(tables) };
}

function snapshotOf(snapshot: unknown): unknown {
  if (!isFields(snapshot) || !isFields(snapshot['schedules'])) return snapshot;
  const { [CASCADES_SELECTOR]: sweep, ...schedules } = snapshot['schedules'];
  if (!isFields(sweep)) return snapshot;
  return { ...snapshot, schedules, sweepCascades: { cron: sweep['cron'] } };
}

/** A specification has no folder that a path could start at, and no host that was meant. */
function placeProblems(spec: unknown): readonly PathProblem[] {
  const sinks = valueAt(spec, ['sinks']);
  const names = isFields(sinks) ? Object.keys(sinks) : [];
  const paths = [
    ['source', 'password', 'file'],
    ['source', 'tls', 'ca'],
    ['kafka', 'sasl', 'password', 'file'],
    ['kafka', 'tls', 'ca'],
    ...names.flatMap((name) => [
      ['sinks', name, 'file'],
      ['sinks', name, 'keyFile'],
    ]),
  ];
  const homeless = names.filter(
    (name) =>
      valueAt(spec, ['sinks', name, 'kind']) === 'duckdb' &&
      valueAt(spec, ['sinks', name, 'host']) === undefined,
  );
  return [
    ...(valueAt(spec, ['v']) === 1 ? [] : [at(['v'], 'must be 1')]),
    ...paths.flatMap((path) => {
      const said = valueAt(spec, path);
      const isRelative = typeof said === 'string' && !isAbsolute(said);
      return isRelative ? [at(path, 'must be an absolute path')] : [];
    }),
    ...homeless.map((name) => at(['sinks', name, 'host'], 'is required')),
  ];
}

function refused(problems: readonly PathProblem[]): SluiceError {
  const texts = problems.map(({ path, ...problem }) =>
    problemText({ key: path.join('.'), ...problem }),
  );
  const count = texts.length === 1 ? 'a problem' : `${texts.length} problems`;
  return new SluiceError(
    'config.refused',
    `The configuration that came from Temporal has ${count}, and nothing was done with it:\n${texts.map((text) => `  ${text}`).join('\n')}`,
    { facts: { problems: texts } },
  );
}

const at = (path: readonly string[], message: string): PathProblem => ({
  path,
  target: 'value',
  message,
});

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
