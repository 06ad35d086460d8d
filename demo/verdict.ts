/** What was found about one table; equal if and only if all counts of faults are zero. */
export interface TableVerdict {
  readonly table: string;
  readonly rows: number;
  /** Rows that warehouse or topic show otherwise than the source. */
  readonly differences: number;
  readonly duplicates: number;
  /** Records that cannot come where they are in their topic. */
  readonly disorders: number;
  /** Keys and what is wrong with them; never values. */
  readonly examples: readonly string[];
}

export const isEqual = ({ differences, duplicates, disorders }: TableVerdict): boolean =>
  differences + duplicates + disorders === 0;

/** A line for every table, and below it the rows that are wrong. */
export function verdictText(title: string, verdicts: readonly TableVerdict[]): string {
  const width = Math.max(...verdicts.map(({ table }) => table.length));
  const lines = verdicts.flatMap(
    ({ table, rows, differences, duplicates, disorders, examples }) => [
      `  ${table.padEnd(width)}  ${rows.toLocaleString('en-US').padStart(9)} rows  ${differences} differences  ${duplicates} duplicates  ${disorders} out of order`,
      ...examples.map((text) => `      ${text}`),
    ],
  );
  return `${title}\n${lines.join('\n')}\n`;
}

/** The last word of a check. That there was nothing to compare proves nothing. */
export function conclusion(verdicts: readonly TableVerdict[]): {
  readonly text: string;
  readonly exitCode: 0 | 1;
} {
  return verdicts.length > 0 && verdicts.every(isEqual)
    ? { text: 'Everything is equal.\n', exitCode: 0 }
    : { text: 'NOT equal.\n', exitCode: 1 };
}
