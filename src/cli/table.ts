/** Columns as wide as their widest cell, two spaces between; numbers stand at the right. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [...tableLines(heads, rows)].join('\n');
}

/** {@link table}, line by line: all of it may be longer than a text can be. */
export function* tableLines(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): Iterable<string> {
  const lines = [heads, ...rows];
  const widths = heads.map((_, column) =>
    lines.reduce((widest, line) => Math.max(widest, (line[column] ?? '').length), 0),
  );
  const numeric = heads.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^-?[\d.,]*$/.test(row[column] ?? '')),
  );
  for (const line of lines)
    yield line
      .map((cell, column) => pad(cell, widths[column] ?? 0, numeric[column] ?? false))
      .join('  ')
      .trimEnd();
}

const pad = (cell: string, width: number, right: boolean): string =>
  right ? cell.padStart(width) : cell.padEnd(width);
