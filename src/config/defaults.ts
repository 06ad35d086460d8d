/** MySQL's and MariaDB's registered port. */
export const DEFAULT_MYSQL_PORT = 3306;

/** Enough for three brokers or three consumers to share a table, few enough for a thousand tables. */
export const DEFAULT_PARTITIONS = 3;

/**
 * −1 asks the broker for its own `default.replication.factor` (CreateTopics since Kafka 2.4): a
 * literal 1 would be unsafe on a cluster and a literal 3 impossible on a single broker.
 */
export const BROKER_DEFAULT_REPLICATION = -1;

/** The broker is the first bottleneck, and zstd level 1 takes a fifth of the bytes to it. */
export const DEFAULT_COMPRESSION = 'zstd';

/** Verification off is a decision somebody has to write down. */
export const DEFAULT_TLS_VERIFY = true;

/** A transaction takes the broker some milliseconds, whatever it holds; this much fills in thirty. */
export const DEFAULT_MAX_BATCH_BYTES = 8 * 1024 * 1024;

/** Bounds what a restart repeats when rows are tiny and the byte limit is far away. */
export const DEFAULT_MAX_BATCH_ROWS = 50_000;

/** Below what a person notices, above the pause between two transactions of a busy server. */
export const DEFAULT_IDLE_MS = 5;

/** A killed worker is replaced within 25 s: the timeout and one round of scheduling. */
export const DEFAULT_HEARTBEAT_TIMEOUT_MS = 20_000;

/** About a second of one server thread at 110 bytes a row; also what a restart reads again. */
export const DEFAULT_CHUNK_ROWS = 10_000;

/** A view one second old for one DuckDB commit a second. */
export const DEFAULT_DUCKDB_COMMIT_INTERVAL_MS = 1_000;

/** Some 25,000 rows: larger ones commit no faster, and the sink holds all of one in memory. */
export const DEFAULT_DUCKDB_BATCH_BYTES = 8 * 1024 * 1024;

/** Rows of 60 MB and tables of a thousand columns take it; ordinary work takes 128 MB of it. */
export const DEFAULT_DUCKDB_MEMORY_MB = 1_024;

/** What a first run is for. A pipeline that shall start at the present says `never`. */
export const DEFAULT_SNAPSHOT_MODE = 'initial';

/** 960 load jobs a day and table of the 1,500 that BigQuery allows: room for repeats and backlogs. */
export const DEFAULT_LOAD_INTERVAL_MS = 90_000;

/** Load jobs cost nothing; streams are for those who need seconds. */
export const DEFAULT_WRITE_PATH = 'load-jobs';

/** A commit takes BigQuery some seconds by itself, and each is billed: at this pace 45 USD a month at most. */
export const DEFAULT_STREAM_INTERVAL_MS = 10_000;

/** A backlog is loaded in pieces of this size, one file a table; compressed it is a tenth of it. */
export const DEFAULT_BIGQUERY_BATCH_BYTES = 64 * 1024 * 1024;

/** One dataset for each database, with the source's names for the tables. */
export const DEFAULT_DATASET = '{database}';
export const DEFAULT_TABLE = '{table}';

/** A row that is missing from a warehouse is a decision somebody has to write down. */
export const DEFAULT_ON_REFUSED_ROW = 'stop';

/** Interactive jobs start at once; batch ones wait for idle slots and spare the project's interactive ones. */
export const DEFAULT_COMPACTION_INTERVAL_MS = 6 * 3_600_000;
export const DEFAULT_COMPACTION_PRIORITY = 'interactive';

/** A ghost table's rows come again under the name of the real one. */
export const DEFAULT_GHOST_TABLES = 'skip';

/** What stands for a value that was not passed on as it is has to be somebody's decision. */
export const DEFAULT_INVALID_TEXT = 'stop';

/** As Debezium has it; consumers may compare the two. */
export const DEFAULT_BEFORE_IMAGE = 'full';

/** One odd table must not stop the others. */
export const DEFAULT_ON_TABLE_FAILURE = 'stop-table';

/** Outlasts a failover and a rolling restart; a binlog's retention is hours at least. */
export const DEFAULT_INCIDENT_AFTER_MS = 300_000;

/** A rolling restart of three brokers is fewer; two pipelines that fight over a dump are more. */
export const DEFAULT_INCIDENT_AFTER_COUNT = 10;
