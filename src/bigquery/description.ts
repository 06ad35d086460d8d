import type { TableComments } from '../change/table.ts';

/** What BigQuery takes; a longer one fails the statement. */
const MAX_TABLE_CHARACTERS = 16_384;
const MAX_COLUMN_CHARACTERS = 1_024;

/**
 * Of all columns of a table together: one statement has them all, may have a megabyte, and needs up
 * to four bytes a character and an escape before each.
 */
const MAX_TOGETHER_CHARACTERS = 100_000;

/** Comments that are descriptions of BigQuery, cut where they are too long. */
export function describable({ table, columns }: TableComments): TableComments {
  const entries = Object.entries(columns);
  const room = Math.floor(MAX_TOGETHER_CHARACTERS / Math.max(1, entries.length));
  const limit = Math.min(MAX_COLUMN_CHARACTERS, room);
  const cut = entries.map(([name, comment]) => [name, shortened(comment, limit)] as const);
  return {
    ...(table === undefined ? {} : { table: shortened(table, MAX_TABLE_CHARACTERS) }),
    columns: Object.fromEntries(cut),
  };
}

/** Of a physical table: what it is for, and then what the source says of the table. */
export function tableDescription(purpose: string, comments: TableComments | undefined): string {
  const comment = comments?.table;
  return comment === undefined ? purpose : shortened(`${purpose} ${comment}`, MAX_TABLE_CHARACTERS);
}

/** No half of a pair of surrogates stays behind. */
function shortened(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  return `${text.slice(0, maxCharacters - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
