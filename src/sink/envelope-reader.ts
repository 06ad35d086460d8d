import { endOfValue, scanObject } from './json-scan.ts';

/** What a sink takes from an envelope. Row images stay JSON text: their integers may be beyond 2^53. */
export interface EnvelopeParts {
  readonly op: string;
  /** JSON text of an object, or `null`. */
  readonly before: string;
  readonly after: string;
  /** `source.ts_us`. */
  readonly committedAtUs: number;
  /** `file:pos` of the source event. */
  readonly position: string;
}

type SourceParts = Pick<EnvelopeParts, 'committedAtUs' | 'position'>;

/**
 * Finds the parts of a Debezium envelope, its members in any order.
 * @throws {Error} when it is not an envelope
 */
export function readEnvelope(text: string): EnvelopeParts {
  return readLikeLatest(text) ?? readAnyOrder(text);
}

function readAnyOrder(text: string): EnvelopeParts {
  let op = '';
  let before = 'null';
  let after = 'null';
  let source: SourceParts | undefined;
  scanObject(text, (name, start, end) => {
    switch (name) {
      case 'before':
        before = text.slice(start, end);
        break;
      case 'after':
        after = text.slice(start, end);
        break;
      case 'source':
        source = readSource(text.slice(start, end));
        break;
      case 'op':
        op = text.slice(start + 1, end - 1);
        break;
    }
  });
  if (op === '' || !source) throw new Error('not an envelope: source or op is missing');
  latestEnding = endingOf(text, before, after, op, source);
  return { op, before, after, ...source };
}

function readSource(text: string): SourceParts {
  const { ts_us, file, pos } = JSON.parse(text) as Record<string, unknown>;
  if (typeof ts_us !== 'number' || !Number.isSafeInteger(ts_us) || typeof file !== 'string')
    throw new Error('not an envelope: source lacks ts_us or file');
  return { committedAtUs: ts_us, position: `${file}:${String(pos)}` };
}

const BEFORE = '{"before":';
const AFTER = ',"after":';

/** All that follows the images. Envelopes of one event are equal there but for the row's index and the op. */
interface Ending {
  /** Up to the digits of `source.row`. */
  readonly head: string;
  /** From there to the letter of `op`. */
  readonly middle: string;
  readonly tail: string;
  readonly source: SourceParts;
}

/** `source` is flat, `row` is a member of it, and `op` one of the envelope. */
const ENDING =
  /^(,"source":\{[^{}]*,"row":)\d+([^{}]*\},"transaction":null,"op":")[a-z](","ts_ms":[\d,a-z_":]*\})$/;

let latestEnding: Ending | undefined;

function endingOf(
  text: string,
  before: string,
  after: string,
  op: string,
  source: SourceParts,
): Ending | undefined {
  const images = BEFORE + before + AFTER + after;
  const match = text.startsWith(images) ? ENDING.exec(text.slice(images.length)) : null;
  const [, head, middle, tail] = match ?? [];
  if (head === undefined || middle === undefined || tail === undefined) return undefined;
  return op.length === 1 ? { head, middle, tail, source } : undefined;
}

/** The parts of an envelope whose ending was read before, compared as text instead of read again. */
function readLikeLatest(text: string): EnvelopeParts | undefined {
  const ending = latestEnding;
  if (!ending || !text.startsWith(BEFORE)) return undefined;
  const beforeEnd = endOfValue(text, BEFORE.length);
  if (!text.startsWith(AFTER, beforeEnd)) return undefined;
  const afterStart = beforeEnd + AFTER.length;
  const afterEnd = endOfValue(text, afterStart);
  if (!text.startsWith(ending.head, afterEnd)) return undefined;
  let at = afterEnd + ending.head.length;
  while (isDigit(text.charCodeAt(at))) at += 1;
  if (!text.startsWith(ending.middle, at)) return undefined;
  const op = text.charAt(at + ending.middle.length);
  const tailStart = at + ending.middle.length + 1;
  if (text.length !== tailStart + ending.tail.length || !text.startsWith(ending.tail, tailStart))
    return undefined;
  const before = text.slice(BEFORE.length, beforeEnd);
  return { op, before, after: text.slice(afterStart, afterEnd), ...ending.source };
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
