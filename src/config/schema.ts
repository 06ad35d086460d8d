import { z } from 'zod';
import {
  BROKER_DEFAULT_REPLICATION,
  DEFAULT_BEFORE_IMAGE,
  DEFAULT_BIGQUERY_BATCH_BYTES,
  DEFAULT_CHUNK_ROWS,
  DEFAULT_COMPACTION_INTERVAL_MS,
  DEFAULT_COMPACTION_PRIORITY,
  DEFAULT_COMPRESSION,
  DEFAULT_DATASET,
  DEFAULT_DUCKDB_BATCH_BYTES,
  DEFAULT_DUCKDB_COMMIT_INTERVAL_MS,
  DEFAULT_DUCKDB_MEMORY_MB,
  DEFAULT_GHOST_TABLES,
  DEFAULT_HEARTBEAT_TIMEOUT_MS,
  DEFAULT_IDLE_MS,
  DEFAULT_INCIDENT_AFTER_COUNT,
  DEFAULT_INCIDENT_AFTER_MS,
  DEFAULT_INVALID_TEXT,
  DEFAULT_LOAD_INTERVAL_MS,
  DEFAULT_MAX_BATCH_BYTES,
  DEFAULT_MAX_BATCH_ROWS,
  DEFAULT_MYSQL_PORT,
  DEFAULT_ON_REFUSED_ROW,
  DEFAULT_ON_TABLE_FAILURE,
  DEFAULT_PARTITIONS,
  DEFAULT_SNAPSHOT_MODE,
  DEFAULT_STREAM_INTERVAL_MS,
  DEFAULT_TABLE,
  DEFAULT_TLS_VERIFY,
  DEFAULT_WRITE_PATH,
} from './defaults.ts';
import { brokerProblem, cronProblem, patternProblem, prefixProblem } from './text-rules.ts';

/**
 * The pipeline file as a person writes it. Descriptions become the manual page and the editor's
 * JSON Schema, so they say meaning, unit and trade-off. Nothing is transformed here: what the
 * schema accepts is what it describes.
 */

const ruled = (problem: (text: string) => string | undefined) =>
  z.string().superRefine((text, context) => {
    const message = problem(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

const wholeNumber = (from: number, to: number) => z.int().min(from).max(to);

const SECRET_RULE =
  'secrets only by reference: write { env: NAME_OF_A_VARIABLE } or { file: PATH }, never the secret itself';

const secret = z.union(
  [
    z.strictObject({
      env: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
          error: 'secrets only by reference: this is no name of an environment variable',
        })
        .describe(
          'Name of an environment variable of the worker, which has to be on its list: SLUICE_* unless it was started with --secret-env.',
        ),
    }),
    z.strictObject({
      file: z
        .string()
        .min(1)
        .describe(
          'Path on the worker, in a folder that it was started with: --secret-dir. One line end at its end is removed.',
        ),
    }),
  ],
  { error: SECRET_RULE },
);

const tls = z.union(
  [
    z.boolean(),
    z.strictObject({
      ca: z
        .string()
        .min(1)
        .optional()
        .describe(
          'PEM file with the authorities to trust, in a folder that the worker was started with (--secret-dir); the system’s own when absent.',
        ),
      verify: z
        .boolean()
        .default(DEFAULT_TLS_VERIFY)
        .describe('Whether certificate and host name are verified.'),
    }),
  ],
  { error: 'write true, false, or { ca: PATH, verify: true }' },
);

const pattern = ruled(patternProblem);

const tableSettings = z.strictObject({
  onFailure: z
    .enum(['stop-table', 'stop-pipeline'])
    .default(DEFAULT_ON_TABLE_FAILURE)
    .describe(
      'What happens when the table cannot be read, decoded or written: it stops while the others go on, or the pipeline stops with it.',
    ),
  invalidText: z
    .enum(['stop', 'replace', 'bytes'])
    .default(DEFAULT_INVALID_TEXT)
    .describe(
      'What becomes of a value of a CHAR, VARCHAR or TEXT column that is not valid in its character set: `stop` fails the table, `replace` puts U+FFFD for each sequence that is no character, `bytes` passes the bytes of the value on in hex, as `0x4181`. The header `__sluice.invalid_text` of such a record, and `_cdc_inexact` in a warehouse, name the column and keep the bytes; with `replace` the record is larger by twice their length. In a column of the key it always fails the table: two keys might become one.',
    ),
  beforeImage: z
    .enum(['full', 'key'])
    .default(DEFAULT_BEFORE_IMAGE)
    .describe(
      'What `before` has of an update that keeps its key: the whole row, or with `key` the columns of the key alone, so that a large value that stays the same is in the record once. The header `__sluice.before` says so then. Deletes, also that of a change of the key, show the whole row in any case. Warehouses are the same with both.',
    ),
});

const source = z.strictObject({
  kind: z.enum(['mysql', 'mariadb']).describe('Which server this is.'),
  host: z.string().min(1).describe('Host name or address.'),
  port: wholeNumber(1, 65_535).default(DEFAULT_MYSQL_PORT).describe('TCP port.'),
  user: z
    .string()
    .min(1)
    .describe('Needs REPLICATION SLAVE, REPLICATION CLIENT and SELECT on the captured tables.'),
  password: secret.describe('The user’s password, by reference.'),
  tls: tls.optional().describe('Encrypts the connection: true, or an object. Off when absent.'),
  include: z
    .array(pattern)
    .min(1)
    .describe(
      'Tables to capture as `database.table`; `*` stands for any run of characters. The first dot ends the database. A name that holds a dot or a star is written in backticks, which take it literally: "`example.com`.*".',
    ),
  exclude: z
    .array(pattern)
    .default([])
    .describe('Tables to leave out although `include` names them.'),
  ghostTables: z
    .enum(['skip', 'follow'])
    .default(DEFAULT_GHOST_TABLES)
    .describe(
      'Whether tables are followed that gh-ost and pt-online-schema-change fill beside the real one: names as `_orders_gho`, `_ghc`, `_del`, `_new` and `_old`. One that `include` names without a `*` is followed in any case.',
    ),
  tables: z
    .record(pattern, tableSettings)
    .default({})
    .describe(
      'Settings of single tables, by pattern as in `include`. Of several patterns that match, the last one in the file counts.',
    ),
  serverId: wholeNumber(1, 4_294_967_295)
    .optional()
    .describe(
      'Replica server id, unique among the server’s replicas. Derived from the pipeline’s name when absent (0x53000000 to 0x53FFFFFF).',
    ),
});

const sasl = z.strictObject({
  mechanism: z
    .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
    .describe('How the client proves who it is.'),
  allowPlaintext: z
    .boolean()
    .default(false)
    .describe(
      'Lets `plain` send the password to brokers without `tls`, where whoever is on the way can read it. Brokers on this machine (127.0.0.1, ::1, localhost) need no leave.',
    ),
  username: z.string().min(1).describe('Kafka user.'),
  password: secret.describe('The user’s password, by reference.'),
});

const kafka = z.strictObject({
  brokers: z
    .array(ruled(brokerProblem))
    .min(1)
    .describe(
      'Brokers to ask first, each as `host:port`; the rest of the cluster is found through them.',
    ),
  prefix: ruled(prefixProblem)
    .optional()
    .describe(
      'First part of every topic name, `<prefix>.<database>.<table>`. Belongs to one pipeline. The pipeline’s name when absent.',
    ),
  partitions: wholeNumber(1, 10_000)
    .default(DEFAULT_PARTITIONS)
    .describe('Partitions of a topic that Sluice creates. Existing topics keep theirs.'),
  replication: wholeNumber(BROKER_DEFAULT_REPLICATION, 32_767)
    .refine((replicas) => replicas !== 0, {
      error: 'must be at least 1, or -1 for the broker’s default',
    })
    .default(BROKER_DEFAULT_REPLICATION)
    .describe(
      'Replication factor of a topic that Sluice creates; -1 takes the broker’s `default.replication.factor` (Kafka 2.4 and newer). Use 3 in production.',
    ),
  compression: z
    .enum(['zstd', 'none'])
    .default(DEFAULT_COMPRESSION)
    .describe(
      'Compression of record batches. zstd costs the worker a little and saves the broker much.',
    ),
  tls: tls.optional().describe('Encrypts the connections: true, or an object. Off when absent.'),
  sasl: sasl.optional().describe('User and mechanism, when the cluster asks for them.'),
});

const changesExpireDays = wholeNumber(2, 36_500)
  .exactOptional()
  .describe(
    'Days that changes are kept for, at least: history and as-of are right for every time since, and as-of refuses earlier ones. Changes that are not in the present rows yet are always kept. For ever when absent.',
  );

const duckdbSink = z.strictObject({
  kind: z.literal('duckdb').describe('An embedded DuckDB file.'),
  file: z
    .string()
    .min(1)
    .describe('Database file; a relative path starts at the folder of this YAML file.'),
  host: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe(
      'Host that owns the file: the sink runs on the worker of this name only, which is its host name unless `sluice worker --host` says another. When absent, a sink stays where it is, and a new one is on the host that the file is applied from.',
    ),
  commitIntervalMs: wholeNumber(10, 3_600_000)
    .default(DEFAULT_DUCKDB_COMMIT_INTERVAL_MS)
    .describe('Rows wait at most this long for a commit: freshness against the number of commits.'),
  maxBatchBytes: wholeNumber(65_536, 1_073_741_824)
    .default(DEFAULT_DUCKDB_BATCH_BYTES)
    .describe(
      'A batch is committed early when it holds this many bytes; bounds the sink’s memory.',
    ),
  changesExpireDays,
  memoryLimitMb: wholeNumber(128, 1_048_576)
    .default(DEFAULT_DUCKDB_MEMORY_MB)
    .describe(
      'Most memory that DuckDB takes, beside the worker’s own: 128 MB for ordinary work, and up to this much while rows, wide tables or queries need it. Beyond, it spills to disk, and what cannot be spilled fails.',
    ),
});

const template = (problem: string) =>
  z.string().regex(/^(?:[A-Za-z0-9_-]|\{database\}|\{table\})+$/, { error: problem });

const bigquerySink = z.strictObject({
  kind: z.literal('bigquery').describe('Google BigQuery.'),
  project: z
    .string()
    .regex(/^[a-z][a-z0-9.:-]*$/, {
      error: 'a project id has lower-case letters, digits and dashes',
    })
    .describe('Project that holds the datasets and runs the jobs.'),
  location: z
    .string()
    .min(1)
    .describe('Location of datasets and jobs, as `EU` or `europe-west1`; cannot be changed later.'),
  internalDataset: z
    .string()
    .regex(/^[A-Za-z0-9_]+$/, { error: 'a dataset name has letters, digits and underscores' })
    .exactOptional()
    .describe(
      'Dataset of the tables behind the views, made when it is not there. `sluice_` and the pipeline’s name when absent. Belongs to one sink.',
    ),
  dataset: template('a dataset name has letters, digits, underscores, {database} and {table}')
    .default(DEFAULT_DATASET)
    .describe(
      'Dataset of the views, made when it is not there: `{database}`, or one name for all.',
    ),
  table: template('a table name has letters, digits, dashes, underscores, {database} and {table}')
    .default(DEFAULT_TABLE)
    .describe(
      'Name of the view of a source table, when it appears; `{database}_{table}` where one dataset holds all.',
    ),
  keyFile: z
    .string()
    .min(1)
    .exactOptional()
    .describe(
      'Key of a service account, in a folder that the worker was started with (--secret-dir). The application default credentials when absent.',
    ),
  impersonate: z
    .email({ error: 'a service account is named by its address' })
    .exactOptional()
    .describe('Service account to act as; the account of the worker needs Token Creator on it.'),
  endpoint: z
    .url({ protocol: /^https?$/, error: 'an address as http://host:port' })
    .exactOptional()
    .describe(
      'A BigQuery that is not Google’s, such as an emulator; it is asked without credentials.',
    ),
  storageEndpoint: z
    .string()
    .regex(/^[^\s:/]+:\d{1,5}$/, { error: 'an address as host:port' })
    .exactOptional()
    .describe(
      'Where the Storage Write API of such a BigQuery is, as `host:port`; needed there with `writePath: storage-write`.',
    ),
  kmsKey: z
    .string()
    .min(1)
    .exactOptional()
    .describe('Cloud KMS key of the datasets that Sluice makes.'),
  labels: z
    .record(z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/), z.string().regex(/^[a-z0-9_-]{0,63}$/))
    .default({})
    .describe('Labels of datasets, tables and jobs, by which a bill can be split.'),
  changesExpireDays,
  writePath: z
    .enum(['load-jobs', 'storage-write'])
    .default(DEFAULT_WRITE_PATH)
    .describe(
      'How rows get in: `load-jobs` are free and take a minute and a half, `storage-write` takes seconds and is billed by the byte and by the commit.',
    ),
  loadIntervalMs: wholeNumber(1_000, 3_600_000)
    .exactOptional()
    .describe(
      `Rows wait at most this long for a commit: freshness against load jobs, of which BigQuery allows 1,500 a day and table, and against bytes billed. ${DEFAULT_LOAD_INTERVAL_MS} when absent, ${DEFAULT_STREAM_INTERVAL_MS} with \`writePath: storage-write\`.`,
    ),
  maxBatchBytes: wholeNumber(65_536, 1_073_741_824)
    .default(DEFAULT_BIGQUERY_BATCH_BYTES)
    .describe('A load is sent early when it holds this many bytes; bounds the sink’s memory.'),
  compactionIntervalMs: wholeNumber(900_000, 604_800_000)
    .default(DEFAULT_COMPACTION_INTERVAL_MS)
    .describe(
      'Changes are folded into the present rows after this long at the latest, and sooner when there are many: what queries read against what folding reads.',
    ),
  compactionPriority: z
    .enum(['interactive', 'batch'])
    .default(DEFAULT_COMPACTION_PRIORITY)
    .describe('Priority of the jobs that fold changes into the present rows.'),
  onRefusedRow: z
    .enum(['stop', 'reject'])
    .default(DEFAULT_ON_REFUSED_ROW)
    .describe(
      'What a row does that BigQuery cannot hold: `stop` its table while the others go on, or `reject` the row into `_cdc_rejects` and mark its table inconsistent.',
    ),
});

const schedule = z.strictObject({
  cron: ruled(cronProblem).describe('When, as five cron fields in UTC or `@daily` and its kin.'),
  tables: z.array(pattern).min(1).describe('Which tables, as in `source.include`.'),
});

const snapshot = z.strictObject({
  mode: z
    .enum(['initial', 'never'])
    .default(DEFAULT_SNAPSHOT_MODE)
    .describe(
      '`initial` copies every captured table once, beside the stream; `never` starts at the present.',
    ),
  chunkRows: wholeNumber(1, 1_000_000)
    .default(DEFAULT_CHUNK_ROWS)
    .describe(
      'Rows read by one SELECT: larger is faster, smaller is gentler and repeats less after a restart.',
    ),
  schedules: z
    .record(name('schedule'), schedule)
    .default({})
    .describe('Snapshots that are asked for again and again, by name.'),
  sweepCascades: z
    .strictObject({ cron: ruled(cronProblem).describe('When, as in `schedules`.') })
    .exactOptional()
    .describe(
      'Copies and sweeps the child tables of foreign keys with ON DELETE or ON UPDATE CASCADE, SET NULL or SET DEFAULT: the server does not log what those do to the rows. Without it such tables stay marked in status until a snapshot of them.',
    ),
});

const stream = z.strictObject({
  maxBatchBytes: wholeNumber(65_536, 67_108_864)
    .default(DEFAULT_MAX_BATCH_BYTES)
    .describe(
      'A Kafka transaction ends when it takes this many bytes of memory; up to three times that while the one before it is being committed.',
    ),
  maxBatchRows: wholeNumber(1, 1_000_000)
    .default(DEFAULT_MAX_BATCH_ROWS)
    .describe('A Kafka transaction ends at this many rows.'),
  idleMs: wholeNumber(0, 10_000)
    .default(DEFAULT_IDLE_MS)
    .describe(
      'A Kafka transaction ends when no event came for this long: latency against transactions per second.',
    ),
  heartbeatTimeoutMs: wholeNumber(1_000, 600_000)
    .default(DEFAULT_HEARTBEAT_TIMEOUT_MS)
    .describe(
      'Temporal gives the stream to another worker when this one has been silent for so long.',
    ),
});

const failures = z.strictObject({
  incidentAfterMs: wholeNumber(1_000, 86_400_000)
    .default(DEFAULT_INCIDENT_AFTER_MS)
    .describe(
      'Work that fails is tried again for ever; when it has not got past one place for this long, an incident opens as well.',
    ),
  incidentAfterCount: wholeNumber(2, 100)
    .default(DEFAULT_INCIDENT_AFTER_COUNT)
    .describe('An incident opens also after this many failures within that time, wherever.'),
});

export const pipelineSchema = z
  .strictObject({
    pipeline: name('pipeline').describe(
      'Name of the pipeline: part of its workflow id, transactional ids and metrics. Letters, digits, dot, dash, underscore; at most 64.',
    ),
    source: source.describe('The database that is read.'),
    kafka: kafka.describe('The cluster that is written to.'),
    sinks: z
      .record(name('sink'), z.discriminatedUnion('kind', [duckdbSink, bigquerySink]))
      .default({})
      .describe('Warehouses that follow the topics, by name. None is fine.'),
    snapshot: snapshot.prefault({}).describe('Copies of whole tables.'),
    stream: stream.prefault({}).describe('How changes are batched.'),
    failures: failures
      .prefault({})
      .describe('When work that is tried again and again becomes an incident.'),
  })
  .describe('A Sluice pipeline: one MySQL or MariaDB server into Kafka and on into warehouses.');

export type PipelineFile = z.output<typeof pipelineSchema>;

function name(what: string): z.ZodString {
  return z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
    error: `a ${what} name is 1 to 64 letters, digits, dots, dashes or underscores, and starts with a letter or digit`,
  });
}
