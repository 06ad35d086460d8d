/**
 * One column's value in the only form that leaves a decoder, whichever path it came by.
 *
 * `undefined` means the column is absent from the row image (MINIMAL, NOBLOB), which is not NULL.
 *
 * | column type | value |
 * | --- | --- |
 * | integer, year | number; bigint beyond ±(2^53 − 1) |
 * | decimal | string, as the server prints it (`-0.50`, scale digits kept) |
 * | float | number: the double nearest to the shortest text that names the float32 |
 * | double | number |
 * | bit(1) | boolean |
 * | bit(n) | base64 string of ceil(n/8) bytes, little-endian |
 * | date | days since 1970-01-01; a zero or impossible date stays its text `0000-00-00` |
 * | time | microseconds, signed |
 * | datetime | milliseconds (0–3 fraction digits) or microseconds (4–6) since 1970 as if UTC, bigint beyond 2^53 − 1; a zero or impossible one stays its text |
 * | timestamp | `2026-11-23T01:02:03.123456Z`, with exactly the column's fraction digits; zero stays `0000-00-00 00:00:00` (with its fraction digits) |
 * | text, enum, set | string; ENUM's error value is the empty string |
 * | binary | base64 string, padded to the fixed size |
 * | json | string: the text the server itself prints for the value |
 * | geometry | `{ srid, wkb }` with wkb in base64 |
 * | vector | array of float32 as numbers |
 */
export type ColumnValue =
  | undefined
  | null
  | boolean
  | number
  | bigint
  | string
  | { readonly srid: number; readonly wkb: string }
  | readonly number[];

/** Values in the order of `TableSchema.columns`. */
export type RowValues = readonly ColumnValue[];
