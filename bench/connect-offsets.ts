/**
 * The file in which Kafka Connect standalone keeps offsets: Java's serialization of a
 * HashMap<byte[], byte[]>. Written here, it makes a connector start at a known position without
 * having run before.
 *
 * Stream (Java Object Serialization, protocol 2): object of class HashMap with its fields
 * loadFactor and threshold, block data (buckets, size), then keys and values. The class of byte[]
 * is described at its first use and referred to by its handle after that.
 */
export function connectOffsets(key: unknown, value: unknown): Buffer {
  return Buffer.concat([
    bytes('aced 0005'),
    bytes('73 72'),
    javaText('java.util.HashMap'),
    bytes('0507dac1c31660d1 03 0002'),
    bytes('46'),
    javaText('loadFactor'),
    bytes('49'),
    javaText('threshold'),
    bytes('78 70'),
    bytes('3f400000 0000000c'),
    bytes('77 08 00000010 00000001'),
    bytes('75 72'),
    javaText('[B'),
    bytes('acf317f8060854e0 02 0000 78 70'),
    sized(key),
    bytes('75 71 007e0002'),
    sized(value),
    bytes('78'),
  ]);
}

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

function javaText(text: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length);
  return Buffer.concat([length, Buffer.from(text, 'latin1')]);
}

function sized(json: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(json));
  const length = Buffer.alloc(4);
  length.writeInt32BE(text.length);
  return Buffer.concat([length, text]);
}
