const MAX_PAYLOAD = 0xffffff;
const HEADER_BYTES = 4;

/** What a payload of no bytes begins with. */
export const NO_KIND = -1;

type Writable<Type> = { -readonly [Name in keyof Type]: Type[Name] };

const NO_BYTES = Buffer.alloc(0);

/** A payload: its first byte, and where the others lie. */
export interface Packet {
  readonly kind: number;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/**
 * Cuts the byte stream of a MySQL connection into packets.
 *
 * Layout of a packet: payload length (3 bytes, little-endian), sequence number (1), payload. A
 * payload of 0xffffff bytes continues in the next packet; the last piece is shorter, perhaps empty.
 * Chunks may be cut anywhere. The first byte of a payload says what it is.
 *
 * A packet that lies whole in its chunk is left there, any other is copied once.
 */
export class PacketFramer {
  #chunk: Buffer = NO_BYTES;
  #at = 0;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  /** Payload bytes of the present piece that are still to come; only read after a whole header. */
  #missing = 0;
  #continues = false;
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  /** Used again for every packet: a view of its own for each would be most of what framing costs. */
  readonly #packet: Writable<Packet> = { kind: NO_KIND, bytes: NO_BYTES, start: 0, end: 0 };

  /** Takes the next chunk. What is left of the one before is lost: ask for its packets first. */
  feed(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** The next packet that ends in the chunk, valid until the one behind it is asked for. */
  next(): Packet | undefined {
    const chunk = this.#chunk;
    while (this.#at < chunk.length || this.#pieceEnded()) {
      if (this.#headerBytes < HEADER_BYTES) {
        this.#takeHeader();
        continue;
      }
      const start = this.#at;
      const end = start + Math.min(this.#missing, chunk.length - start);
      this.#at = end;
      this.#missing -= end - start;
      const isWhole = this.#missing === 0 && !this.#continues;
      if (this.#missing === 0) this.#headerBytes = 0;
      if (isWhole && this.#pieces.length === 0) return this.#packetIn(chunk, start, end);
      this.#keep(chunk.subarray(start, end));
      if (isWhole) return this.#join();
    }
    return undefined;
  }

  /** A header has been read whose payload is empty: it ends without another byte. */
  #pieceEnded(): boolean {
    return this.#headerBytes === HEADER_BYTES && this.#missing === 0;
  }

  #takeHeader(): void {
    const chunk = this.#chunk;
    while (this.#headerBytes < HEADER_BYTES && this.#at < chunk.length) {
      this.#header[this.#headerBytes] = chunk[this.#at] ?? 0;
      this.#headerBytes += 1;
      this.#at += 1;
    }
    if (this.#headerBytes < HEADER_BYTES) return;
    this.#missing = this.#header.readUIntLE(0, 3);
    this.#continues = this.#missing === MAX_PAYLOAD;
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#pieceBytes += piece.length;
  }

  #join(): Packet {
    const payload = Buffer.concat(this.#pieces, this.#pieceBytes);
    this.#pieces = [];
    this.#pieceBytes = 0;
    return this.#packetIn(payload, 0, payload.length);
  }

  #packetIn(bytes: Buffer, start: number, end: number): Packet {
    const packet = this.#packet;
    packet.kind = start < end ? (bytes[start] ?? NO_KIND) : NO_KIND;
    packet.bytes = bytes;
    packet.start = Math.min(start + 1, end);
    packet.end = end;
    return packet;
  }
}
