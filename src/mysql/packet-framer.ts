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
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  /** Payload bytes of the present piece that are still to come; only read after a whole header. */
  #missing = 0;
  #continues = false;
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  /** Used again for every packet: a view of its own for each would be most of what framing costs. */
  readonly #packet: Writable<Packet> = { kind: NO_KIND, bytes: NO_BYTES, start: 0, end: 0 };

  /**
   * The packets that end in this chunk, in order, each valid until the next is asked for. Use up the
   * chunk before the next one: what is left of it is lost otherwise.
   */
  *packets(chunk: Buffer): Generator<Packet, void, undefined> {
    let at = 0;
    while (at < chunk.length || this.#pieceEnded()) {
      if (this.#headerBytes < HEADER_BYTES) {
        at = this.#takeHeader(chunk, at);
        continue;
      }
      const end = at + Math.min(this.#missing, chunk.length - at);
      this.#missing -= end - at;
      const isWhole = this.#missing === 0 && !this.#continues;
      if (this.#missing === 0) this.#headerBytes = 0;
      if (!isWhole) this.#keep(chunk.subarray(at, end));
      else if (this.#pieces.length === 0) yield this.#packetIn(chunk, at, end);
      else {
        this.#keep(chunk.subarray(at, end));
        yield this.#join();
      }
      at = end;
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
