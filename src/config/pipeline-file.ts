import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { type Document, LineCounter, parseDocument } from 'yaml';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import type { PlacedSpec } from '../control/sink-hosts.ts';
import { SluiceError } from '../errors/error.ts';
import { crossProblems } from './cross-checks.ts';
import { locate } from './locate.ts';
import { type ConfigProblem, formatProblem } from './problem.ts';
import { type PipelineFile, pipelineSchema } from './schema.ts';
import { type PathProblem, schemaProblems } from './schema-problems.ts';
import { syntaxProblems } from './syntax-problems.ts';
import { pipelineSpec } from './to-spec.ts';

/** What a file's meaning depends on besides its text. */
export interface FileContext {
  /** As the problems shall name it. */
  readonly file: string;
  /** Absolute folder that relative paths start at. */
  readonly folder: string;
  /** Owner of DuckDB files whose sink names none. */
  readonly host: string;
}

/**
 * Reads and validates a pipeline file.
 * @throws {SluiceError} `config.unreadable`, or `config.invalid` with every problem in `facts.problems`
 */
export async function readPipelineFile(file: string): Promise<PipelineSpec> {
  return (await readPlacedFile(file)).spec;
}

/**
 * The same, with the sinks whose host the file leaves open: they have this one.
 * @throws {SluiceError} as {@link readPipelineFile}
 */
export async function readPlacedFile(file: string): Promise<Required<PlacedSpec>> {
  const path = resolve(file);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new SluiceError(
      'config.unreadable',
      `${file} cannot be read: check path and permissions.`,
      {
        cause,
        facts: { file },
      },
    );
  });
  const context = { file, folder: dirname(path), host: hostname() };
  const parsed = validated(text, context);
  const unplaced = Object.entries(parsed.sinks).flatMap(([name, sink]) =>
    sink.kind === 'duckdb' && sink.host === undefined ? [name] : [],
  );
  return { spec: pipelineSpec(parsed, context), unplaced };
}

/**
 * Turns the text of a pipeline file into a complete specification.
 * @throws {SluiceError} `config.invalid` with every problem in `facts.problems`, in the order of lines
 */
export function parsePipeline(text: string, context: FileContext): PipelineSpec {
  return pipelineSpec(validated(text, context), context);
}

function validated(text: string, { file }: FileContext): PipelineFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const { problems: syntax, readable } = syntaxProblems(document, lines);
  const data: unknown = readable ? document.toJS() : undefined;
  const parsed = pipelineSchema.safeParse(data);
  const problems = [...syntax];
  if (readable) {
    const found = [...schemaProblems(parsed.error?.issues ?? [], data), ...crossProblems(data)];
    problems.push(...found.map((problem) => located(problem, document, lines)));
  }
  if (problems.length > 0 || !parsed.success) throw invalid(file, problems);
  return parsed.data;
}

function located(
  { path, target, ...problem }: PathProblem,
  document: Document,
  lines: LineCounter,
): ConfigProblem {
  return { ...locate(document, lines, path, target), key: path.join('.'), ...problem };
}

function invalid(file: string, problems: readonly ConfigProblem[]): SluiceError {
  const texts = [...problems]
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map((problem) => formatProblem(file, problem));
  const count = texts.length === 1 ? 'a problem' : `${texts.length} problems`;
  return new SluiceError(
    'config.invalid',
    `${file} has ${count}:\n${texts.map((text) => `  ${text}`).join('\n')}`,
    {
      facts: { file, problems: texts },
    },
  );
}
