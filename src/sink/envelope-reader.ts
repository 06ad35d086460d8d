import { scanObject } from './json-scan.ts';

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

/**
 * Finds the parts of a Debezium envelope, its members in any order.
 * @throws {Error} when it is not an envelope
 */
export function readEnvelope(text: string): EnvelopeParts {
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
  return { op, before, after, ...source };
}

type SourceParts = Pick<EnvelopeParts, 'committedAtUs' | 'position'>;

let latestHead = '';
let latestSource: SourceParts | undefined;

/** Rows of one event differ only in `row`, so what stands before it is read once. */
function readSource(text: string): SourceParts {
  const row = text.indexOf(',"row":');
  const head = row < 0 ? text : text.slice(0, row);
  if (latestSource && head === latestHead) return latestSource;
  latestSource = (row < 0 ? undefined : tryParts(`${head}}`)) ?? parts(text);
  latestHead = head;
  return latestSource;
}

function tryParts(text: string): SourceParts | undefined {
  try {
    return parts(text);
  } catch {
    return undefined;
  }
}

function parts(text: string): SourceParts {
  const { ts_us, file, pos } = JSON.parse(text) as Record<string, unknown>;
  if (typeof ts_us !== 'number' || !Number.isSafeInteger(ts_us) || typeof file !== 'string')
    throw new Error('not an envelope: source lacks ts_us or file');
  return { committedAtUs: ts_us, position: `${file}:${String(pos)}` };
}
