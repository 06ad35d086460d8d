const MAX_PAYLOAD = 0xffffff;
const HEADER_BYTES = 4;
/** Where the payload of a long packet, which is an event behind its first byte, has the event's size. */
const EVENT_SIZE_AT = 1 + 9;
/** No event is longer: the server's largest max_allowed_packet, and what comes around it. */
const MAX_EVENT = (1 << 30) + (1 << 20);

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
 * A packet that lies whole in its chunk is left there, any other is copied once, into a buffer as long
 * as it says it is: of hundreds of megabytes there is no second copy.
 */
export class PacketFramer {
  #chunk: Buffer = NO_BYTES;
  #at = 0;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  /** Payload bytes of the present piece that are still to come; only read after a whole header. */
  #missing = 0;
  #continues = false;
  /** What has come of a packet that did not come whole. */
  #held: Buffer = NO_BYTES;
  #heldBytes = 0;
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
      if (isWhole && this.#heldBytes === 0) return this.#packetIn(chunk, start, end);
      this.#keep(start, end);
      if (isWhole) return this.#handOut();
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

  #keep(start: number, end: number): void {
    const bytes = end - start;
    if (bytes === 0) return;
    if (this.#heldBytes + bytes > this.#held.length) this.#makeRoom(start, end);
    this.#chunk.copy(this.#held, this.#heldBytes, start, end);
    this.#heldBytes += bytes;
  }

  #makeRoom(start: number, end: number): void {
    const needed = this.#heldBytes + (end - start) + this.#missing;
    const isFirst = this.#heldBytes === 0;
    const said = this.#continues && isFirst ? this.#saidLength(start, end) : 2 * this.#heldBytes;
    const held = Buffer.allocUnsafe(Math.max(needed, said));
    this.#held.copy(held, 0, 0, this.#heldBytes);
    this.#held = held;
  }

  /** How long the whole payload will be, by the event in it; 0 when it does not say so here. */
  #saidLength(start: number, end: number): number {
    if (end - start < EVENT_SIZE_AT + 4) return 0;
    const length = 1 + this.#chunk.readUInt32LE(start + EVENT_SIZE_AT);
    return length <= MAX_EVENT ? length : 0;
  }

  #handOut(): Packet {
    const [held, bytes] = [this.#held, this.#heldBytes];
    this.#held = NO_BYTES;
    this.#heldBytes = 0;
    return this.#packetIn(held, 0, bytes);
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
