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
  const { tsUs, nowMs } = source;
  const { toTime, toTable, toGtid } = tableText(source);
  latestText = {
    head:
      `${toTime}${Math.floor(tsUs / 1000)}${toTable}${tsUs},"ts_ns":${scaled(tsUs, '000')}${toGtid}` +
      `${JSON.stringify(source.gtid)},"file":${fileText(source.file)},"pos":${source.pos},"row":`,
    tail: `,"thread":${source.threadId},"query":null},"transaction":null,"op":"`,
    end: `","ts_ms":${nowMs},"ts_us":${scaled(nowMs, '000')},"ts_ns":${scaled(nowMs, '000000')}}`,
  };
  latestSource = source;
  return latestText;
}

/** The parts that all events of a table share: up to `ts_ms`, from behind it to `ts_us`, from behind `ts_ns` to `gtid`. */
interface TableText {
  readonly toTime: string;
  readonly toTable: string;
  readonly toGtid: string;
}

let latestTable: SourceBlock | undefined;
let latestTableText: TableText = { toTime: '', toTable: '', toGtid: '' };

function tableText(source: SourceBlock): TableText {
  if (latestTable && isSameTable(source, latestTable)) return latestTableText;
  const json = JSON.stringify;
  latestTableText = {
    toTime:
      `,"source":{"version":"${ENVELOPE_VERSION}","connector":"${source.connector ?? 'mysql'}"` +
      `,"name":${json(source.pipeline)},"ts_ms":`,
    toTable: `,"snapshot":"${source.snapshot}","db":${json(source.database)},"sequence":null,"ts_us":`,
    toGtid: `,"table":${json(source.table)},"server_id":${source.serverId},"gtid":`,
  };
  latestTable = source;
  return latestTableText;
}

function isSameTable(one: SourceBlock, other: SourceBlock): boolean {
  return (
    one.table === other.table &&
    one.database === other.database &&
    one.serverId === other.serverId &&
    one.snapshot === other.snapshot &&
    one.pipeline === other.pipeline &&
    one.connector === other.connector
  );
}

let latestFile = '';
let latestFileText = '""';

function fileText(file: string): string {
  if (file !== latestFile) {
    latestFile = file;
    latestFileText = JSON.stringify(file);
  }
  return latestFileText;
}

/** A finer unit is more digits; as a number it may be beyond 2^53. */
function scaled(count: number, zeros: string): string {
  return count === 0 ? '0' : `${count}${zeros}`;
}

/** The value of the header `__sluice.committed_at`, where the record needs one. */
export function committedAtHeader({ tsUs, committedAtUs }: SourceBlock): string | undefined {
  return committedAtUs !== undefined && committedAtUs > tsUs ? String(committedAtUs) : undefined;
}
