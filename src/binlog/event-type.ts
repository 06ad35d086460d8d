/** Event type codes. @see libs/mysql/binlog/event/binlog_event.h: Log_event_type */
export const EVENT = {
  query: 2,
  stop: 3,
  rotate: 4,
  intvar: 5,
  load: 6,
  createFile: 8,
  appendBlock: 9,
  execLoad: 10,
  deleteFile: 11,
  newLoad: 12,
  rand: 13,
  userVar: 14,
  formatDescription: 15,
  xid: 16,
  beginLoadQuery: 17,
  executeLoadQuery: 18,
  tableMap: 19,
  writeRowsV0: 20,
  updateRowsV0: 21,
  deleteRowsV0: 22,
  writeRowsV1: 23,
  updateRowsV1: 24,
  deleteRowsV1: 25,
  incident: 26,
  heartbeat: 27,
  ignorable: 28,
  rowsQuery: 29,
  writeRows: 30,
  updateRows: 31,
  deleteRows: 32,
  gtid: 33,
  anonymousGtid: 34,
  previousGtids: 35,
  transactionContext: 36,
  viewChange: 37,
  xaPrepare: 38,
  partialUpdateRows: 39,
  transactionPayload: 40,
  heartbeatV2: 41,
  gtidTagged: 42,
} as const;

const LOAD_DATA = 'LOAD DATA written as a statement (binlog_format is not ROW)';
const OLD_ROWS = 'row events in the format of MySQL before 5.1.18';
const MARIADB_FIRST = 160;
const MARIADB_LAST = 172;

const FEATURES: ReadonlyMap<number, string> = new Map([
  [EVENT.load, LOAD_DATA],
  [EVENT.createFile, LOAD_DATA],
  [EVENT.execLoad, LOAD_DATA],
  [EVENT.newLoad, LOAD_DATA],
  [EVENT.writeRowsV0, OLD_ROWS],
  [EVENT.updateRowsV0, OLD_ROWS],
  [EVENT.deleteRowsV0, OLD_ROWS],
]);

/** What the rows of a PARTIAL_UPDATE_ROWS event are called. */
export const PARTIAL_ROWS = 'partial JSON updates (binlog_row_value_options = PARTIAL_JSON)';

/**
 * What an event says that is understood and yet a stop: it would have to be guessed or executed.
 * `undefined` for all other types.
 */
export function unsupportedFeature(type: number): string | undefined {
  if (type >= MARIADB_FIRST && type <= MARIADB_LAST) return `events of MariaDB (type ${type})`;
  return FEATURES.get(type);
}
