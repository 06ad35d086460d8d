const MAX_PAYLOAD = 0xffffff;
const HEADER_BYTES = 4;

/**
 * Cuts the byte stream of a MySQL connection into packets.
 *
 * Layout of a packet: payload length (3 bytes, little-endian), sequence number (1), payload. A
 * payload of 0xffffff bytes continues in the next packet; the last piece is shorter, perhaps empty.
 * Chunks may be cut anywhere.
 *
 * A packet that lies whole in its chunk comes out as a view of it, any other is copied once.
 */
export class PacketFramer {
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  /** Payload bytes of the present piece that are still to come; only read after a whole header. */
  #missing = 0;
  #continues = false;
  #pieces: Buffer[] = [];
  #pieceBytes = 0;

  /** Bytes of an unfinished packet held back. */
  get pendingBytes(): number {
    return this.#pieceBytes;
  }

  /** Calls `deliver` with the payload of every packet that ends in this chunk, in order. */
  push(chunk: Buffer, deliver: (payload: Buffer) => void): void {
    let at = 0;
    while (at < chunk.length || this.#pieceEnded()) {
      if (this.#headerBytes < HEADER_BYTES) {
        at = this.#takeHeader(chunk, at);
        continue;
      }
      const take = Math.min(this.#missing, chunk.length - at);
      const piece = chunk.subarray(at, at + take);
      at += take;
      this.#missing -= take;
      if (this.#missing > 0 || this.#continues) this.#keep(piece);
      else deliver(this.#join(piece));
      if (this.#missing === 0) this.#headerBytes = 0;
    }
  }

  /** A header has been read whose payload is empty: it ends without another byte. */
  #pieceEnded(): boolean {
    return this.#headerBytes === HEADER_BYTES && this.#missing === 0;
  }

  #takeHeader(chunk: Buffer, from: number): number {
    let at = from;
    while (this.#headerBytes < HEADER_BYTES && at < chunk.length) {
      this.#header[this.#headerBytes] = chunk[at] ?? 0;
      this.#headerBytes += 1;
      at += 1;
    }
    if (this.#headerBytes === HEADER_BYTES) {
      this.#missing = this.#header.readUIntLE(0, 3);
      this.#continues = this.#missing === MAX_PAYLOAD;
    }
    return at;
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#pieceBytes += piece.length;
  }

  #join(last: Buffer): Buffer {
    if (this.#pieces.length === 0) return last;
    this.#keep(last);
    const payload = Buffer.concat(this.#pieces, this.#pieceBytes);
    this.#pieces = [];
    this.#pieceBytes = 0;
    return payload;
  }
}
