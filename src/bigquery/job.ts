/** What a load file may carry beside its rows. */
export interface LoadJob {
  readonly kind: 'load';
  readonly dataset: string;
  readonly table: string;
  /** NDJSON, compressed with gzip. */
  readonly file: Buffer;
}

export interface QueryJob {
  readonly kind: 'query';
  /** One statement, or a script. */
  readonly sql: string;
  /** Parameters of type STRING, by their names: `@name` in the statement. */
  readonly data?: Readonly<Record<string, string>>;
  /** No row of the source is read, so what BigQuery says of its failure can be quoted. */
  readonly quotable?: true;
  readonly priority: 'INTERACTIVE' | 'BATCH';
}

export type Job = LoadJob | QueryJob;

/** Letters, digits, `_` and `-`: unique for ever in a project and location, also when the job fails. */
export type JobId = string;

/** An error as BigQuery names it. `message` may quote row values; further ones are behind it, a line each. */
export interface JobError {
  readonly reason: string;
  readonly message: string;
}

export type JobOutcome =
  | { readonly kind: 'running' }
  | { readonly kind: 'done'; readonly rows: number; readonly bytesBilled: number }
  | { readonly kind: 'failed'; readonly error: JobError };

/**
 * Port: the part of BigQuery that the destination uses. Nothing is retried behind it.
 *
 * Every method throws a `SluiceError` of the catalogue's `bigquery.*` codes; after one whose outcome
 * is retry, whether the request was carried out is unknown.
 */
export interface BigQueryService {
  /**
   * Submits a job under an id of ours. `duplicate` when the id was taken before, whatever became of
   * that job.
   */
  submit(id: JobId, job: Job): Promise<'submitted' | 'duplicate'>;
  /** `undefined` for an id that was never taken. */
  outcome(id: JobId): Promise<JobOutcome | undefined>;
  /** Waits a while for the job to end; the outcome may still be `running`. */
  wait(id: JobId): Promise<JobOutcome | undefined>;
  /** Rows of a query that reads little; values as BigQuery's REST API writes them. */
  rows(sql: string): Promise<readonly (readonly (string | null)[])[]>;
  /** Bytes that a query would be billed for at most. */
  dryRun(sql: string): Promise<number>;
  /** Whether a table is there; not, when its dataset is not. */
  hasTable(dataset: string, table: string): Promise<boolean>;
  /** Names of the tables and views of a dataset; none when it is not there. */
  tables(dataset: string): Promise<readonly string[]>;
  /** Names of the functions and procedures of a dataset; none when it is not there. */
  routines(dataset: string): Promise<readonly string[]>;
  /** The query of a view; `undefined` of a table, and of what is not there. */
  viewQuery(dataset: string, view: string): Promise<string | undefined>;
  /** The body of a function; `undefined` when it is not there. */
  routineBody(dataset: string, routine: string): Promise<string | undefined>;
  /** Has rows that come into a table clustered by these columns, or by none when the list is empty. */
  cluster(dataset: string, table: string, columns: readonly string[]): Promise<void>;
  /** Columns of the primary key that is declared of a table; none when none is. */
  primaryKey(dataset: string, table: string): Promise<readonly string[]>;
  /** Makes the dataset unless it is there. */
  ensureDataset(dataset: string): Promise<void>;
}
