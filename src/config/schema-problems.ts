import type { z } from 'zod';
import type { KeyPath, Target } from './locate.ts';
import { nearestKey } from './nearest-key.ts';
import { knownKeys } from './schema-document.ts';

/** A problem by the path of its key; the caller knows the lines. */
export interface PathProblem {
  readonly path: KeyPath;
  readonly target: Target;
  readonly message: string;
  readonly hint?: string;
}

type Issue = z.core.$ZodIssue;

/**
 * Schema issues in the words of somebody who edits the file. Values are never repeated: where a
 * secret was written by mistake, it must not reach a terminal or a log.
 */
export function schemaProblems(
  issues: readonly Issue[],
  data: unknown,
  base: KeyPath = [],
): readonly PathProblem[] {
  return issues.flatMap((issue) => {
    const path = [
      ...base,
      ...issue.path.map((step) => (typeof step === 'number' ? step : String(step))),
    ];
    return problemsOf(issue, path, data);
  });
}

function problemsOf(issue: Issue, path: KeyPath, data: unknown): readonly PathProblem[] {
  const atValue = (message: string, hint?: string): readonly PathProblem[] => [
    { path, target: 'value', message, ...(hint === undefined ? {} : { hint }) },
  ];
  if (issue.code !== 'unrecognized_keys' && valueAt(data, path) === undefined)
    return [{ path, target: 'key', message: 'is required' }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(path, key));
    case 'invalid_key':
      return [{ path, target: 'key', message: issue.issues[0]?.message ?? issue.message }];
    case 'invalid_type':
      return atValue(
        `expected ${TYPE_WORDS[issue.expected] ?? issue.expected}, found ${kindOf(valueAt(data, path))}`,
        typeHint(issue.expected, valueAt(data, path)),
      );
    case 'invalid_value':
      return atValue(
        `must be ${issue.values.map(String).join(' or ')}`,
        guess(valueAt(data, path), issue.values),
      );
    case 'too_small':
      return atValue(
        issue.origin === 'array' || issue.origin === 'string'
          ? 'may not be empty'
          : `must be at least ${issue.minimum}`,
      );
    case 'too_big':
      return atValue(`must be at most ${issue.maximum}`);
    case 'invalid_union':
      return unionProblems(issue, path, data) ?? atValue(issue.message);
    case 'invalid_format':
    case 'not_multiple_of':
    case 'invalid_element':
    case 'custom':
      return atValue(issue.message);
  }
}

/** A union speaks for its parts, unless exactly one part has the written shape: then that one is meant. */
function unionProblems(
  issue: z.core.$ZodIssueInvalidUnion,
  path: KeyPath,
  data: unknown,
): readonly PathProblem[] | undefined {
  if (issue.errors.length === 0) {
    const options = 'options' in issue && Array.isArray(issue.options) ? issue.options : [];
    return [{ path, target: 'value', message: `must be ${options.map(String).join(' or ')}` }];
  }
  const meant = issue.errors.filter((branch) =>
    branch.every((part) => part.path.length > 0 || part.code === 'unrecognized_keys'),
  );
  return meant.length === 1 && meant[0] ? schemaProblems(meant[0], data, path) : undefined;
}

function unknownKey(parent: KeyPath, key: string): PathProblem {
  const known = knownKeys(parent);
  const near = nearestKey(key, known);
  return {
    path: [...parent, key],
    target: 'key',
    message: 'is not a known key',
    hint: near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${near}?`,
  };
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'a mapping of keys',
  record: 'a mapping of names',
  array: 'a list',
};

function kindOf(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return TYPE_WORDS[typeof value] ?? typeof value;
}

function typeHint(expected: string, value: unknown): string | undefined {
  if (expected === 'string' && (typeof value === 'number' || typeof value === 'boolean'))
    return 'put it in quotes';
  if (expected === 'array' && typeof value === 'string') return 'put it in brackets: [ … ]';
  if ((expected === 'int' || expected === 'number') && typeof value === 'string')
    return 'a bare number, without quotes or unit';
  return undefined;
}

function guess(value: unknown, options: readonly unknown[]): string | undefined {
  const near = typeof value === 'string' ? nearestKey(value, options.map(String)) : undefined;
  return near === undefined ? undefined : `did you mean ${near}?`;
}

/** What stands at a path of parsed YAML, `undefined` where the path ends early. */
export function valueAt(data: unknown, path: KeyPath): unknown {
  let value = data;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.hasOwn(value, step)
      ? (value as Record<string | number, unknown>)[step]
      : undefined;
  }
  return value;
}
