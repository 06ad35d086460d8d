/** Columns as wide as their widest cell, two spaces between; numbers stand at the right. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = tableLayout(heads, rows);
  return [heads, ...rows].map(line).join('\n');
}

/** Writes lines of a table with columns that are as wide as these rows need; a longer cell moves the ones behind it. */
export function tableLayout(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): (cells: readonly string[]) => string {
  const widths = heads.map((head, column) =>
    rows.reduce((widest, row) => Math.max(widest, (row[column] ?? '').length), head.length),
  );
  const numeric = heads.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^-?[\d.,]*$/.test(row[column] ?? '')),
  );
  return (cells) =>
    cells
      .map((cell, column) => pad(cell, widths[column] ?? 0, numeric[column] ?? false))
      .join('  ')
      .trimEnd();
}

const pad = (cell: string, width: number, right: boolean): string =>
  right ? cell.padStart(width) : cell.padEnd(width);
