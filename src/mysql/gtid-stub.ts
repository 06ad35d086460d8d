export function encodeGtidSet(text: string): Buffer {
  const out: Buffer[] = [];
  const u64 = (n: number | bigint): Buffer => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(n)); return b; };
  const sids = text === '' ? [] : text.split(',');
  out.push(u64(sids.length));
  for (const sid of sids) {
    const [uuid = '', ...ivs] = sid.trim().split(':');
    out.push(Buffer.from(uuid.replaceAll('-', ''), 'hex'), u64(ivs.length));
    for (const iv of ivs) { const [a = '0', b = a] = iv.split('-'); out.push(u64(Number(a)), u64(Number(b) + 1)); }
  }
  return Buffer.concat(out);
}
