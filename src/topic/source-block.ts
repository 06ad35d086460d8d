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

/** What differs between events of one table, besides the GTID, and is written as a whole number. */
export type VaryingNumber = 'tsMs' | 'tsUs' | 'pos' | 'nowMs' | 'committedAtUs';

/** Text that stays, or the place of something that varies; `zeros` follow a number to make it one of a finer unit. */
export type SourcePiece =
  | string
  | { readonly number: VaryingNumber; readonly value: number; readonly zeros: string }
  | { readonly gtid: string };

/** The parts of an envelope around the row index and the operation. */
export interface SourcePieces {
  readonly head: readonly SourcePiece[];
  readonly tail: string;
  readonly end: readonly SourcePiece[];
}

export function sourcePieces(source: SourceBlock): SourcePieces {
  const { tsUs, nowMs, gtid, pos } = source;
  const { toTime, toTable, toGtid } = tableText(source);
  return {
    head: [
      toTime,
      { number: 'tsMs', value: Math.floor(tsUs / 1000), zeros: '' },
      toTable,
      { number: 'tsUs', value: tsUs, zeros: '' },
      ',"ts_ns":',
      { number: 'tsUs', value: tsUs, zeros: '000' },
      toGtid,
      gtid === null ? 'null' : { gtid },
      `,"file":${fileText(source.file)},"pos":`,
      { number: 'pos', value: pos, zeros: '' },
      ',"row":',
    ],
    tail: `,"thread":${source.threadId},"query":null},"transaction":null,"op":"`,
    end: [
      '","ts_ms":',
      { number: 'nowMs', value: nowMs, zeros: '' },
      ',"ts_us":',
      { number: 'nowMs', value: nowMs, zeros: '000' },
      ',"ts_ns":',
      { number: 'nowMs', value: nowMs, zeros: '000000' },
      '}',
    ],
  };
}

/** A finer unit is more digits, which as a number may be beyond 2^53; zero stays zero. */
export function pieceText(piece: SourcePiece): string {
  if (typeof piece === 'string') return piece;
  if ('gtid' in piece) return JSON.stringify(piece.gtid);
  return piece.value === 0 ? '0' : `${piece.value}${piece.zeros}`;
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

/** The value of the header `__sluice.committed_at`, where the record needs one. */
export function committedAtHeader({ tsUs, committedAtUs }: SourceBlock): string | undefined {
  return committedAtUs !== undefined && committedAtUs > tsUs ? String(committedAtUs) : undefined;
}
