import type { Gtid, GtidSetText } from './gtid.ts';

/** Half-open run of transaction numbers. */
interface Interval {
  start: number;
  end: number;
}

type IntervalView = Readonly<Interval>;

/**
 * A set of GTIDs, per source (`uuid` or `uuid:tag`) as sorted, merged, non-touching intervals.
 *
 * Mutable only through `add`, which extends the last interval in place: a stream adds one
 * transaction at a time. All other operations answer new sets.
 */
export class GtidSet {
  readonly #sources: Map<string, Interval[]>;
  /** Where the last transaction was added: nearly all of a stream have one source. */
  #latest: { readonly prefix: string; readonly last: Interval } | undefined;

  constructor(
    sources: Iterable<readonly [source: string, intervals: readonly IntervalView[]]> = [],
  ) {
    this.#sources = new Map();
    for (const [source, list] of sources)
      if (list.length > 0) this.#sources.set(source, merge(list));
  }

  /** Sources in canonical order, untagged before tagged of the same uuid; none is empty. */
  sources(): readonly (readonly [source: string, intervals: readonly IntervalView[]])[] {
    return [...this.#sources].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  get isEmpty(): boolean {
    return this.#sources.size === 0;
  }

  /** The highest number of one of its sources; undefined of the empty set. */
  get newest(): Gtid | undefined {
    const [entry] = this.#sources;
    const last = entry?.[1].at(-1);
    return entry && last && (`${entry[0]}:${last.end - 1}` as Gtid);
  }

  contains(gtid: Gtid): boolean {
    const { source, number } = splitGtid(gtid);
    const list = this.#sources.get(source);
    const at = list ? lastStartingAtOrBefore(list, number) : undefined;
    return at !== undefined && number < at.end;
  }

  /** Constant time for the number after the highest of its source; linear in intervals otherwise. */
  add(gtid: Gtid): void {
    const latest = this.#latest;
    if (latest && continues(gtid, latest.prefix, latest.last.end)) {
      latest.last.end += 1;
      return;
    }
    const { source, number } = splitGtid(gtid);
    const list = this.#sources.get(source);
    const last = list?.at(-1);
    if (list && last?.end === number) last.end += 1;
    else if (list && last && number > last.end) list.push({ start: number, end: number + 1 });
    else this.#sources.set(source, merge([...(list ?? []), { start: number, end: number + 1 }]));
    const newest = this.#sources.get(source)?.at(-1);
    this.#latest = newest && { prefix: `${source}:`, last: newest };
  }

  isSubsetOf(other: GtidSet): boolean {
    return this.subtract(other).isEmpty;
  }

  union(other: GtidSet): GtidSet {
    const sum = new Map<string, Interval[]>(this.#sources);
    for (const [source, list] of other.#sources)
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
    let isClosed = false;
    for (const part of parts) {
      isClosed = /^\d/.test(part);
      if (isClosed) {
        const list = sources.get(source) ?? [];
        list.push(parseInterval(part, group));
        sources.set(source, list);
      } else source = checkedSource(`${uuid}:${part}`, group);
    }
    if (!isClosed) throw new Error(`GTID source without transaction numbers: ${group}`);
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
  const last = Number(match[2] ?? match[1]);
  if (last > MAX_NUMBER)
    throw new Error(
      `GTID number beyond ${MAX_NUMBER}, which cannot be counted exactly: ${text} in ${group}`,
    );
  if (start < 1 || last < start) throw new Error(`not a GTID interval: ${text} in ${group}`);
  return { start, end: last + 1 };
}

/** 2^53 − 2, so that the exclusive end behind it is exact too. Servers stop at 2^63 − 2. */
const MAX_NUMBER = Number.MAX_SAFE_INTEGER - 1;

function splitGtid(gtid: Gtid): { readonly source: string; readonly number: number } {
  const colon = gtid.lastIndexOf(':');
  const number = Number(gtid.slice(colon + 1));
  if (!Number.isInteger(number) || number < 1 || number > MAX_NUMBER)
    throw new Error(`not a GTID: ${gtid}`);
  return { source: gtid.slice(0, colon), number };
}

const ZERO = 0x30;

/** Whether the GTID is this number of the source, read without a string of its own. */
function continues(gtid: Gtid, prefix: string, number: number): boolean {
  if (number > MAX_NUMBER || !gtid.startsWith(prefix)) return false;
  let value = 0;
  for (let at = prefix.length; at < gtid.length; at += 1) {
    const digit = gtid.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return false;
    value = value * 10 + digit;
  }
  return value === number;
}

function lastStartingAtOrBefore(list: readonly Interval[], number: number): Interval | undefined {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.start ?? 0) <= number) low = middle + 1;
    else high = middle;
  }
  return list[low - 1];
}

function merge(list: readonly IntervalView[]): Interval[] {
  const merged: Interval[] = [];
  for (const { start, end } of [...list].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}

/** Both sorted and merged. */
function without(list: readonly IntervalView[], holes: readonly IntervalView[]): Interval[] {
  const left: Interval[] = [];
  let next = 0;
  for (const { start, end } of list) {
    let from = start;
    while ((holes[next]?.end ?? Infinity) <= from) next += 1;
    for (let at = next; from < end; at += 1) {
      const hole = holes[at] ?? { start: end, end };
      if (hole.start > from) left.push({ start: from, end: Math.min(end, hole.start) });
      from = Math.max(from, hole.start >= end ? end : hole.end);
    }
  }
  return left;
}
