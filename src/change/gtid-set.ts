import type { Gtid, GtidSetText } from './gtid.ts';

/** Half-open run of transaction numbers. */
interface Interval {
  start: number;
  end: number;
}

/**
 * A set of GTIDs, per source (`uuid` or `uuid:tag`) as sorted, merged, non-touching intervals.
 *
 * Mutable only through `add`, which extends the last interval in place: a stream adds one
 * transaction at a time. All other operations answer new sets.
 */
export class GtidSet {
  readonly #sources: Map<string, Interval[]>;

  constructor(sources: Iterable<readonly [source: string, intervals: readonly Interval[]]> = []) {
    this.#sources = new Map([...sources].map(([source, list]) => [source, merge(list)]));
  }

  /** Sources in canonical order, untagged before tagged of the same uuid. */
  sources(): readonly (readonly [source: string, intervals: readonly Readonly<Interval>[]])[] {
    return [...this.#sources]
      .filter(([, list]) => list.length > 0)
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }

  get isEmpty(): boolean {
    return [...this.#sources.values()].every((list) => list.length === 0);
  }

  contains(gtid: Gtid): boolean {
    const { source, number } = splitGtid(gtid);
    return (this.#sources.get(source) ?? []).some(
      ({ start, end }) => start <= number && number < end,
    );
  }

  add(gtid: Gtid): void {
    const { source, number } = splitGtid(gtid);
    const list = this.#sources.get(source);
    const last = list?.at(-1);
    if (last?.end === number) last.end += 1;
    else this.#sources.set(source, merge([...(list ?? []), { start: number, end: number + 1 }]));
  }

  isSubsetOf(other: GtidSet): boolean {
    return this.subtract(other).isEmpty;
  }

  union(other: GtidSet): GtidSet {
    const sum = new Map<string, Interval[]>();
    for (const set of [this, other])
      for (const [source, list] of set.#sources)
        sum.set(source, [...(sum.get(source) ?? []), ...list]);
    return new GtidSet(sum);
  }

  subtract(other: GtidSet): GtidSet {
    return new GtidSet(
      [...this.#sources].map(([source, list]) => [
        source,
        without(list, other.#sources.get(source) ?? []),
      ]),
    );
  }
}

const GTID_SOURCE =
  /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?::([a-z_][a-z0-9_]{0,31}))?$/;

/**
 * Reads a set as servers print it: any letter case, white space and line ends anywhere, several
 * tags after one uuid (`uuid:1-5:tag:1-3`).
 * @throws {Error} when the text has another shape or a number beyond 2^53 − 1
 */
export function parseGtidSet(text: string): GtidSet {
  const sources = new Map<string, Interval[]>();
  for (const group of text.toLowerCase().replace(/\s+/g, '').split(',')) {
    if (group === '') continue;
    const [uuid = '', ...parts] = group.split(':');
    let source = checkedSource(uuid, group);
    for (const part of parts) {
      if (/^\d/.test(part)) {
        const list = sources.get(source) ?? [];
        list.push(parseInterval(part, group));
        sources.set(source, list);
      } else source = checkedSource(`${uuid}:${part}`, group);
    }
  }
  return new GtidSet(sources);
}

/** Canonical text: lower case, sources sorted, each with its tags on its own, intervals merged, no spaces. */
export function formatGtidSet(set: GtidSet): GtidSetText {
  const texts = set.sources().map(([source, list]) => {
    const runs = list.map(({ start, end }) =>
      end === start + 1 ? `${start}` : `${start}-${end - 1}`,
    );
    return `${source}:${runs.join(':')}`;
  });
  return texts.join(',') as GtidSetText;
}

function checkedSource(source: string, group: string): string {
  if (!GTID_SOURCE.test(source)) throw new Error(`not a GTID set: ${group}`);
  return source;
}

function parseInterval(text: string, group: string): Interval {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!match) throw new Error(`not a GTID interval: ${text} in ${group}`);
  const start = Number(match[1]);
  const end = Number(match[2] ?? match[1]) + 1;
  if (start < 1 || end <= start || !Number.isSafeInteger(end))
    throw new Error(`not a GTID interval: ${text} in ${group}`);
  return { start, end };
}

function splitGtid(gtid: Gtid): { readonly source: string; readonly number: number } {
  const colon = gtid.lastIndexOf(':');
  return { source: gtid.slice(0, colon), number: Number(gtid.slice(colon + 1)) };
}

function merge(list: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (const { start, end } of [...list].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}

function without(list: readonly Interval[], holes: readonly Interval[]): Interval[] {
  let left = list.map(({ start, end }) => ({ start, end }));
  for (const hole of holes)
    left = left.flatMap(({ start, end }) =>
      [
        { start, end: Math.min(end, hole.start) },
        { start: Math.max(start, hole.end), end },
      ].filter((piece) => piece.start < piece.end),
    );
  return left;
}
