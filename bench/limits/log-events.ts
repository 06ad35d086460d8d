import { EVENT } from '../../src/binlog/event-type.ts';
import type { GtidSetText } from '../../src/change/gtid.ts';
import { openBinlogStream } from '../../src/mysql/binlog-stream.ts';
import { OneServer } from '../../src/mysql/one-server.ts';
import type { LimitTask } from './limit-process.ts';

const SERVER_ID = 7_100;
const HEADER_BYTES = 19;
const TYPE_AT = 4;

/** The events between the task's two positions, as they leave the socket. */
export async function* logEvents({
  mysql,
  from,
  endFile,
}: LimitTask): AsyncGenerator<readonly Buffer[]> {
  const settings = { serverId: SERVER_ID, identity: 'bench-limits' };
  const after = from.gtidSet as GtidSetText;
  await using stream = await openBinlogStream(
    new OneServer(mysql),
    settings,
    after,
    new AbortController().signal,
  );
  for (;;) {
    const events = Array.from(await stream.read(), ({ bytes, start, end }) =>
      bytes.subarray(start, end),
    );
    yield events;
    if (events.some((event) => opensFile(event, endFile))) return;
  }
}

/** A rotate event: header, position int64, name of the file that follows. */
function opensFile(event: Buffer, file: string): boolean {
  return event[TYPE_AT] === EVENT.rotate && event.includes(file, HEADER_BYTES + 8, 'latin1');
}
