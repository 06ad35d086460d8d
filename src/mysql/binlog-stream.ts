import type { Socket } from 'node:net';
import { cancellable } from '../async/abort.ts';
import { encodeGtidSet } from '../binlog/gtid-set-encoding.ts';
import type { EventBytes, EventStream } from '../capture/source-server.ts';
import type { GtidSetText } from '../change/gtid.ts';
import { parseGtidSet } from '../change/gtid-set.ts';
import { SluiceError } from '../errors/error.ts';
import { type MysqlSession, socketOf } from './connection.ts';
import { dumpCommand, replicaUuid } from './dump-command.ts';
import { dumpFailure } from './dump-failure.ts';
import type { OneServer } from './one-server.ts';
import { type Packet, PacketFramer } from './packet-framer.ts';

export interface DumpSettings {
  /** Replica server id, unique among the server's replicas. */
  readonly serverId: number;
  /** The same for every attempt of a pipeline, and no other's: dumps of one identity replace one another. */
  readonly identity: string;
  /** How often a server without news says so. */
  readonly heartbeatMs?: number;
  /** The socket stops while this much waits to be read. */
  readonly maxBufferedBytes?: number;
}

const HEARTBEAT_MS = 5_000;
const SILENT_HEARTBEATS = 3;
const MAX_BUFFERED_BYTES = 2 * 1024 * 1024;
/** A stopped reader must not make the server give up: its write may wait this long. */
const NET_WRITE_TIMEOUT_S = 600;
const KILL_TIMEOUT_MS = 2_000;

const OK = 0x00;
const EOF = 0xfe;
const ERR = 0xff;

/**
 * Dumps the log from behind a GTID set. Resolves when the server has sent its first event, so that
 * a refused position is refused here.
 *
 * mysql2 connects, authenticates and encrypts; then its socket is taken over: the driver holds no
 * command for dumps by GTID, no back-pressure and no view of the events' bytes.
 *
 * @param signal ends the opening only; an open stream is ended by disposing it
 * @throws {SluiceError} `binlog.purged`, `binlog.diverged` or a `mysql.*` code
 */
export async function openBinlogStream(
  server: OneServer,
  settings: DumpSettings,
  after: GtidSetText,
  signal: AbortSignal,
): Promise<EventStream> {
  const heartbeatMs = settings.heartbeatMs ?? HEARTBEAT_MS;
  const session = await server.connect(dumpVariables(settings.identity, heartbeatMs), signal);
  const stream = new BinlogStream(session, server, {
    silenceMs: heartbeatMs * SILENT_HEARTBEATS,
    maxBufferedBytes: settings.maxBufferedBytes ?? MAX_BUFFERED_BYTES,
  });
  try {
    const abort = (): void => {
      stream.fail(
        new SluiceError('mysql.connection-lost', 'The dump was cancelled while it opened.'),
      );
    };
    await cancellable(signal, abort, () =>
      stream.start(dumpCommand(settings.serverId, encodeGtidSet(parseGtidSet(after)))),
    );
    return stream;
  } catch (error) {
    await stream[Symbol.asyncDispose]();
    throw error;
  }
}

/** Both names of each, for servers from before and after the renaming in 8.0.26; unknown user variables harm nobody. */
function dumpVariables(identity: string, heartbeatMs: number): Readonly<Record<string, string>> {
  const uuid = `'${replicaUuid(identity)}'`;
  const periodNs = String(heartbeatMs * 1_000_000);
  return {
    '@master_binlog_checksum': '@@global.binlog_checksum',
    '@source_binlog_checksum': '@@global.binlog_checksum',
    '@master_heartbeat_period': periodNs,
    '@source_heartbeat_period': periodNs,
    '@slave_uuid': uuid,
    '@replica_uuid': uuid,
    'SESSION net_write_timeout': String(NET_WRITE_TIMEOUT_S),
  };
}

interface StreamLimits {
  readonly silenceMs: number;
  readonly maxBufferedBytes: number;
}

interface Waiter {
  readonly resolve: (events: Iterable<EventBytes>) => void;
  readonly reject: (error: SluiceError) => void;
}

class BinlogStream implements EventStream {
  readonly #session: MysqlSession;
  readonly #server: OneServer;
  readonly #limits: StreamLimits;
  readonly #socket: Socket;
  readonly #framer = new PacketFramer();
  readonly #silence: NodeJS.Timeout;
  /** As they came: what is cut from them only when it is wanted dies young. */
  #chunks: Buffer[] = [];
  #chunkBytes = 0;
  #paused = false;
  #heard = true;
  #serverEnded = false;
  #closed = false;
  #failure: SluiceError | undefined;
  #waiter: Waiter | undefined;
  /** What the opening has read, for the first reader. */
  #opened: Iterable<EventBytes> | undefined;

  constructor(session: MysqlSession, server: OneServer, limits: StreamLimits) {
    this.#session = session;
    this.#server = server;
    this.#limits = limits;
    this.#socket = socketOf(session);
    this.#silence = setTimeout(() => {
      this.#onSilence();
    }, limits.silenceMs);
  }

  /** Takes the socket over and sends the command. Resolves with the first event. */
  async start(command: Buffer): Promise<void> {
    const socket = this.#socket;
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => {
      this.#onData(chunk);
    });
    socket.on('close', () => {
      this.fail(this.#lost('the server closed the connection'));
    });
    socket.on('error', (error: Error) => {
      this.fail(this.#lost('the connection broke', error));
    });
    socket.write(command);
    this.#silence.refresh();
    for (;;) {
      const events = (await this.read())[Symbol.iterator]();
      const first = events.next();
      if (first.done) continue;
      this.#opened = chained(first.value, events);
      return;
    }
  }

  read(): Promise<Iterable<EventBytes>> {
    if (this.#opened) {
      const opened = this.#opened;
      this.#opened = undefined;
      return Promise.resolve(opened);
    }
    if (this.#chunks.length > 0) return Promise.resolve(this.#takeEvents());
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** Events already here are still handed out; after them `read` rejects with the first failure. */
  fail(failure: SluiceError): void {
    if (this.#failure) return;
    this.#failure = failure;
    clearTimeout(this.#silence);
    this.#socket.destroy();
    this.#waiter?.reject(failure);
    this.#waiter = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.fail(this.#lost('it was closed here'));
    this.#session.destroy();
    // A dump thread with nothing to send notices a closed socket only at its next heartbeat.
    if (!this.#serverEnded) await killThread(this.#server, this.#session.threadId);
  }

  #onData(chunk: Buffer): void {
    this.#heard = true;
    this.#silence.refresh();
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
    if (this.#waiter) {
      const { resolve } = this.#waiter;
      this.#waiter = undefined;
      resolve(this.#takeEvents());
    } else if (this.#chunkBytes > this.#limits.maxBufferedBytes) {
      this.#pause();
    }
  }

  #takeEvents(): Iterable<EventBytes> {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#chunkBytes = 0;
    this.#resume();
    return new ArrivedEvents(this.#framer, chunks, (last) => {
      this.#end(last);
    });
  }

  /** A packet begins with 0x00 before an event, with 0xfe at the end of the dump, with 0xff before an error. */
  #end({ kind, bytes, start, end }: Packet): void {
    this.#serverEnded = kind === ERR || kind === EOF;
    // The connection may have been closed before its last packet was looked at, which says why.
    this.#failure = undefined;
    this.#chunks = [];
    switch (kind) {
      case ERR:
        this.fail(dumpFailure(bytes.subarray(start, end), this.#session.server));
        return;
      case EOF:
        this.fail(this.#lost('the server ended the dump'));
        return;
      default:
        this.fail(this.#lost(`a packet of unknown kind ${kind} arrived`));
    }
  }

  /** No heartbeat is read while the socket stands still, so silence proves nothing then. */
  #pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (!this.#paused || this.#failure) return;
    this.#paused = false;
    this.#heard = true;
    this.#silence.refresh();
    this.#socket.resume();
  }

  /** A busy process runs its timers before it looks at its sockets: what has arrived counts. */
  #onSilence(): void {
    if (this.#paused || this.#failure) return;
    this.#heard = false;
    setImmediate(() => {
      if (this.#heard || this.#paused) return;
      this.fail(this.#lost(`nothing came for ${this.#limits.silenceMs} ms, not even a heartbeat`));
    });
  }

  #lost(how: string, cause?: unknown): SluiceError {
    return new SluiceError(
      'mysql.connection-lost',
      `The dump from ${this.#session.server} broke: ${how}. It goes on from the stored position.`,
      { ...(cause === undefined ? {} : { cause }), facts: { server: this.#session.server } },
    );
  }
}

/**
 * Cuts events from chunks as they are asked for. One result serves for all of them: a generator would
 * take longer to answer than the event to be cut.
 */
class ArrivedEvents implements IterableIterator<EventBytes, undefined> {
  readonly #framer: PacketFramer;
  readonly #chunks: readonly Buffer[];
  readonly #onEnd: (packet: Packet) => void;
  readonly #result: { readonly done: false; value: EventBytes };
  #next = 0;

  /** @param onEnd  called with the packet that is no event; there is nothing behind it */
  constructor(framer: PacketFramer, chunks: readonly Buffer[], onEnd: (packet: Packet) => void) {
    this.#framer = framer;
    this.#chunks = chunks;
    this.#onEnd = onEnd;
    this.#result = { done: false, value: { bytes: NO_BYTES, start: 0, end: 0 } };
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<EventBytes, undefined> {
    for (;;) {
      const packet = this.#framer.next();
      if (packet?.kind === OK) {
        this.#result.value = packet;
        return this.#result;
      }
      if (packet) {
        this.#onEnd(packet);
        return DONE;
      }
      const chunk = this.#chunks[this.#next];
      if (!chunk) return DONE;
      this.#next += 1;
      this.#framer.feed(chunk);
    }
  }
}

const NO_BYTES = Buffer.alloc(0);
const DONE = { done: true, value: undefined } as const;

function* chained(
  first: EventBytes,
  rest: Iterator<EventBytes>,
): Generator<EventBytes, void, undefined> {
  yield first;
  for (let next = rest.next(); !next.done; next = rest.next()) yield next.value;
}

/** Best effort: a thread that stays behind is ended by the next dump of the same pipeline. */
async function killThread(server: OneServer, threadId: number): Promise<void> {
  try {
    await using session = await server.connect({}, AbortSignal.timeout(KILL_TIMEOUT_MS));
    await session.query(`KILL ${threadId}`, 'ending the dump');
  } catch {
    // The server is away, or another one answers, where the number is of somebody else's thread, or
    // the thread is gone already.
  }
}
