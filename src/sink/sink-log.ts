/**
 * What a sink has written down outside of its warehouse, so that a warehouse that vanished is
 * noticed. One record of the sinks topic. JSON-plain.
 */
export interface SinkRecord {
  readonly v: 1;
  readonly warehouse: {
    readonly id: string;
    /** `preparing`: being made, holds no rows. `ready`: may hold rows, so nothing else may take its place. */
    readonly state: 'preparing' | 'ready';
  };
  /** Id of the command that the warehouse was begun anew for. */
  readonly renewal?: string;
  /** Id of the snapshot that has to bring the rows from before the warehouse began; until it is finished. */
  readonly snapshot?: string;
  /** The destination's own: what it has begun and can only tell from here, such as load jobs. */
  readonly plan?: unknown;
}

/** What has been decided about a sink where its commands arrive. JSON-plain. */
export interface SinkOrders {
  /** Id of the newest command to begin with an empty warehouse; one that was carried out does nothing. */
  readonly renewal?: string;
  /** The newest snapshot that was asked for on behalf of this sink. */
  readonly snapshot?: { readonly id: string; readonly state: 'asked' | 'finished' };
}

/**
 * Port: the record of one sink, written exactly once. Implemented in src/kafka.
 *
 * It is open only when every earlier attempt of the sink is fenced, and the record is read after
 * that: an attempt that has been taken over can write nothing here any more, so a destination that
 * lets two writers in plans each of its commits here first.
 */
export interface SinkLog {
  /** As it was read when the log was opened, or saved last; `undefined` for a sink that never ran. */
  readonly record: SinkRecord | undefined;
  /**
   * Durable when it resolves.
   * @throws {SluiceError} `kafka.fenced` when a newer attempt has taken over; after any other
   *   failure only opening the log again tells what was saved
   */
  save(record: SinkRecord): Promise<void>;
  close(): Promise<void>;
}
