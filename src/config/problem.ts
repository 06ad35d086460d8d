/** One thing wrong in a configuration file, at the place a person has to look at. Lines and columns count from 1. */
export interface ConfigProblem {
  readonly line: number;
  readonly column: number;
  /** Dotted path of the key, empty for the file as a whole. */
  readonly key: string;
  readonly message: string;
  readonly hint?: string;
}

/** `shop.yaml:4:3: source.port: …` in the form editors and terminals turn into a link. */
export function formatProblem(file: string, problem: ConfigProblem): string {
  return `${file}:${problem.line}:${problem.column}: ${problemText(problem)}`;
}

/** The same of what has no lines. */
export function problemText({
  key,
  message,
  hint,
}: Pick<ConfigProblem, 'key' | 'message' | 'hint'>): string {
  const what = key === '' ? message : `${key}: ${message}`;
  return what + (hint === undefined ? '' : ` (${hint})`);
}
