import { rename, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { SluiceError } from '../errors/error.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { duckdbFailure } from './duckdb-error.ts';
import { MemoryShare } from './memory-share.ts';
import { CATALOG } from './names.ts';
import { claimSocket, type OwnerSocket } from './owner-socket.ts';

export interface DuckDbSettings {
  /** Most that everything takes which DuckDB does in this process; it spills to `<file>.tmp` beyond. */
  readonly memoryLimitMb: number;
  readonly threads: number;
  /** A file that is not there is `sink.warehouse-lost`, and is not created. */
  readonly mustExist?: boolean;
}

/** DuckDB's own choice is 128 MB and 512 MB: for a process that is DuckDB and nothing else. */
const FLUSH_THRESHOLD = '8MB';

/**
 * A DuckDB file that this process owns. Statements reach nothing but it: no other file, no network.
 *
 * DuckDB's lock is the process's and lets the same process open a file twice, which would ruin it;
 * the socket beside the file is taken first and keeps a second thread out, too.
 */
export class DuckDbFile {
  readonly path: string;
  readonly socket: OwnerSocket;
  /** Work that may need more than the ordinary share is done through it. */
  readonly memory: MemoryShare;
  readonly #settings: DuckDbSettings;
  #instance: DuckDBInstance;
  /** Which file the path named when it was opened. */
  #inode: string | undefined;
  readonly #connections = new Set<DuckDBConnection>();
  #closed = false;

  private constructor(
    path: string,
    socket: OwnerSocket,
    settings: DuckDbSettings,
    instance: DuckDBInstance,
    inode: string | undefined,
  ) {
    this.path = path;
    this.socket = socket;
    this.#settings = settings;
    this.#instance = instance;
    this.#inode = inode;
    this.memory = new MemoryShare(settings.memoryLimitMb, (mb) => this.#limitMemory(mb));
  }

  /**
   * Opens the file, and creates it with its folder when it is not there.
   * @throws {SluiceError} `duckdb.locked` | `duckdb.io-failed` | `sink.warehouse-lost`
   */
  static async open(file: string, settings: DuckDbSettings): Promise<DuckDbFile> {
    const path = resolve(file);
    const socket = await claimSocket(path);
    try {
      if (settings.mustExist && (await inodeOf(path)) === undefined)
        throw new SluiceError('sink.warehouse-lost', `${path} is not there.`, {
          facts: { file: path },
        });
      const instance = await openInstance(path, settings);
      return new DuckDbFile(path, socket, settings, instance, await inodeOf(path));
    } catch (error) {
      await socket.close();
      throw duckdbFailure('opening the file', path, error);
    }
  }

  /** A connection of its own sees committed data only. */
  async connect(): Promise<DuckDBConnection> {
    const connection = await this.#instance.connect();
    this.#connections.add(connection);
    await connection.run(`USE ${CATALOG}`);
    return connection;
  }

  /**
   * A file that was deleted or replaced lives on without a name for as long as it is open, and what
   * is committed to it would vanish with this process.
   * @throws {SluiceError} `sink.warehouse-lost`
   */
  async refuseReplaced(): Promise<void> {
    const inode = await inodeOf(this.path);
    if (inode === this.#inode) return;
    throw new SluiceError(
      'sink.warehouse-lost',
      `${this.path} was ${inode === undefined ? 'deleted' : 'replaced by another file'} while the sink had it open.`,
      { facts: { file: this.path } },
    );
  }

  /**
   * Renames the file to `<file>.<suffix>` and goes on with an empty one. Every connection is closed:
   * a query that is under way fails.
   */
  async setAside(suffix: string): Promise<void> {
    this.#closeInstance();
    await rename(this.path, `${this.path}.${suffix}`);
    // Left behind only by a close that could not fold it into the file.
    await rename(`${this.path}.wal`, `${this.path}.${suffix}.wal`).catch(ignoreMissing);
    this.#instance = await openInstance(this.path, this.#settings);
    this.#inode = await inodeOf(this.path);
  }

  release(connection: DuckDBConnection): void {
    if (this.#connections.delete(connection)) connection.closeSync();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeInstance();
    await this.socket.close();
  }

  async #limitMemory(mb: number): Promise<void> {
    const connection = await this.#instance.connect();
    try {
      await connection.run(`SET GLOBAL memory_limit = '${mb}MB'`);
    } finally {
      connection.closeSync();
    }
  }

  #closeInstance(): void {
    for (const connection of this.#connections) connection.closeSync();
    this.#connections.clear();
    this.#instance.closeSync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function openInstance(path: string, settings: DuckDbSettings): Promise<DuckDBInstance> {
  const { text } = duckdbDialect;
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(settings.threads),
    memory_limit: `${MemoryShare.ordinaryMb(settings.memoryLimitMb)}MB`,
    temp_directory: `${path}.tmp`,
    // Memory that is free again goes back to the system soon, instead of lying in the allocator.
    allocator_flush_threshold: FLUSH_THRESHOLD,
    allocator_bulk_deallocation_flush_threshold: FLUSH_THRESHOLD,
    allow_community_extensions: 'false',
    autoinstall_known_extensions: 'false',
  });
  try {
    const connection = await instance.connect();
    await connection.run(`ATTACH ${text(path)} AS ${CATALOG}`);
    await connection.run(`SET GLOBAL TimeZone = 'UTC'`);
    await connection.run('SET GLOBAL enable_external_access = false');
    connection.closeSync();
    return instance;
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

/** Device and number of the file that the path names; `undefined` when there is none. */
async function inodeOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    ignoreMissing(error);
    return undefined;
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
