/** The two parts of a multipart upload: the job, and the bytes of its file. */
export function uploadParts(
  contentType: string,
  body: Buffer,
): readonly [metadata: Buffer, file: Buffer] {
  const boundary = /boundary=([^;]+)/.exec(contentType)?.[1] ?? '';
  const mark = Buffer.from(`--${boundary}`);
  const second = body.indexOf(mark, mark.length);
  const last = body.lastIndexOf(Buffer.from(`\r\n--${boundary}--`));
  const content = (part: Buffer): Buffer => part.subarray(part.indexOf('\r\n\r\n') + 4);
  return [content(body.subarray(0, second - '\r\n'.length)), content(body.subarray(second, last))];
}

/** A body of {@link uploadParts} whose boundary is `b`. */
export function uploadBody(metadata: string, file: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`--b\r\nContent-Type: application/json\r\n\r\n${metadata}`),
    Buffer.from('\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n'),
    file,
    Buffer.from('\r\n--b--\r\n'),
  ]);
}

export const UPLOAD_TYPE = 'multipart/related; boundary=b';
