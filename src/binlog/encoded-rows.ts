import type { EncodedImage } from '../change/encoded-row.ts';
import { InvariantBroken } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';
import type { EncodedRowCursor } from './event.ts';
import { type ImageSpan, newSpan } from './image-frame.ts';
import type { ImageWriter } from './image-writer.ts';
import type { JsonBytes } from './json-bytes.ts';

/** Writes the rows of one event, each over the one before. */
export class EncodedRows implements EncodedRowCursor {
  readonly before: EncodedImage | undefined;
  readonly after: EncodedImage | undefined;
  readonly #reader: ByteReader;
  readonly #out: JsonBytes;
  readonly #first: ImageWriter;
  readonly #firstSpan: ImageSpan;
  readonly #second: ImageWriter | undefined;
  readonly #secondSpan: ImageSpan;

  constructor(
    reader: ByteReader,
    out: JsonBytes,
    before: ImageWriter | undefined,
    after: ImageWriter | undefined,
  ) {
    this.#reader = reader;
    this.#out = out;
    this.#firstSpan = newSpan();
    this.#secondSpan = before && after ? newSpan() : this.#firstSpan;
    this.before = before && this.#firstSpan;
    this.after = after && this.#secondSpan;
    const first = before ?? after;
    if (!first) throw new InvariantBroken('a rows event without images');
    this.#first = first;
    this.#second = before && after;
  }

  get bytes(): Buffer {
    return this.#out.bytes;
  }

  next(): boolean {
    const reader = this.#reader;
    if (reader.left === 0) return false;
    const out = this.#out;
    out.clear();
    this.#first.write(reader, out, this.#firstSpan);
    this.#second?.write(reader, out, this.#secondSpan);
    return true;
  }
}
