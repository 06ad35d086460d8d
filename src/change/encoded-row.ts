/**
 * A row image as it goes into a topic: JSON bytes, UTF-8, between two offsets of the buffer of its
 * {@link EncodedRow}, and the record key beside it. Columns that are absent are left out of the row.
 */
export interface EncodedImage {
  readonly start: number;
  readonly end: number;
  /** −1 for a table without a key. */
  readonly keyStart: number;
  readonly keyEnd: number;
}

/** `before` for update and delete, `after` for insert and update. Valid until the next row is written. */
export interface EncodedRow {
  readonly bytes: Buffer;
  readonly before: EncodedImage | undefined;
  readonly after: EncodedImage | undefined;
}
