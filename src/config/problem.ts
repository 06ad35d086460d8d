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
  const where = `${file}:${problem.line}:${problem.column}: `;
  const what = problem.key === '' ? problem.message : `${problem.key}: ${problem.message}`;
  return where + what + (problem.hint === undefined ? '' : ` (${problem.hint})`);
}
