/** Something in an image that stands for a value which is no text of its column's charset. */
export type InvalidText =
  /** The value has U+FFFD for each sequence that is no character; `was` is the whole of it. */
  | { readonly column: string; readonly done: 'replaced'; readonly was: HexText }
  /** The value is the {@link HexText} of its bytes. */
  | { readonly column: string; readonly done: 'bytes' };

/** Bytes as SQL writes them: `0x4181`. */
export type HexText = `0x${string}`;

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
  /** In the order of the columns; absent in nearly every image. None is of the key. */
  readonly invalid?: readonly InvalidText[] | undefined;
}

/** `before` for update and delete, `after` for insert and update. Valid until the next row is written. */
export interface EncodedRow {
  readonly bytes: Buffer;
  readonly before: EncodedImage | undefined;
  readonly after: EncodedImage | undefined;
}
