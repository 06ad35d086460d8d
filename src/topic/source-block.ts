/** `source.version`: this program's, in Debezium's place for it. */
export const ENVELOPE_VERSION = '0.1.0';

/** What all rows of one event share; make it once per event, its text is remembered by identity. */
export interface SourceBlock {
  /** `source.name`: the topic prefix, as in Debezium. */
  readonly pipeline: string;
  /** `mysql` unless it says otherwise. */
  readonly connector?: 'mysql' | 'mariadb';
  /** Commit time at the source, microseconds since 1970. */
  readonly tsUs: number;
  readonly snapshot: boolean;
  readonly database: string;
  readonly table: string;
  readonly serverId: number;
  readonly gtid: string | null;
  readonly file: string;
  readonly pos: number;
  readonly threadId: number | null;
  /**
   * Commit time of the newest transaction before this one, never decreasing. Where it is above
   * `tsUs`, the header `__sluice.committed_at` says so.
   */
  readonly committedAtUs?: number;
  /** When the event was processed, milliseconds since 1970: the envelope's own `ts_ms`. */
  readonly nowMs: number;
}

/** The parts of an envelope around the row index and the operation. */
export interface SourceText {
  readonly head: string;
  readonly tail: string;
  readonly end: string;
}

let latestSource: SourceBlock | undefined;
let latestText: SourceText = { head: '', tail: '', end: '' };

export function sourceText(source: SourceBlock): SourceText {
  if (source === latestSource) return latestText;
  const json = JSON.stringify;
  const tsMs = Math.floor(source.tsUs / 1000);
  const { nowMs } = source;
  latestText = {
    head:
      `,"source":{"version":"${ENVELOPE_VERSION}","connector":"${source.connector ?? 'mysql'}"` +
      `,"name":${json(source.pipeline)},"ts_ms":${tsMs},"snapshot":"${source.snapshot}"` +
      `,"db":${json(source.database)},"sequence":null` +
      `,"ts_us":${source.tsUs},"ts_ns":${nanoseconds(source.tsUs, 1000n)}` +
      `,"table":${json(source.table)},"server_id":${source.serverId},"gtid":${json(source.gtid)}` +
      `,"file":${json(source.file)},"pos":${source.pos},"row":`,
    tail: `,"thread":${source.threadId},"query":null},"transaction":null,"op":"`,
    end: `","ts_ms":${nowMs},"ts_us":${nowMs * 1000},"ts_ns":${nanoseconds(nowMs, 1_000_000n)}}`,
  };
  latestSource = source;
  return latestText;
}

/** Beyond 2^53, so not as a number. */
function nanoseconds(count: number, unitNs: bigint): string {
  return String(BigInt(count) * unitNs);
}

/** The value of the header `__sluice.committed_at`, where the record needs one. */
export function committedAtHeader({ tsUs, committedAtUs }: SourceBlock): string | undefined {
  return committedAtUs !== undefined && committedAtUs > tsUs ? String(committedAtUs) : undefined;
}
