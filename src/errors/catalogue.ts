/**
 * What the pipeline does with a failure:
 * `retry` — again after a back-off, forever; `gap` and `blocked` — that state, left by a person;
 * `refuse` — the command or configuration is rejected and nothing was changed;
 * `end` — this attempt ends without a word, another one has taken over.
 */
export type Outcome = 'retry' | 'gap' | 'blocked' | 'refuse' | 'end';

export interface CatalogueEntry {
  readonly title: string;
  readonly meaning: string;
  readonly outcome: Outcome;
  /** What a person does about it, in one or two sentences. */
  readonly action: string;
}

const entry = (
  title: string,
  outcome: Outcome,
  meaning: string,
  action: string,
): CatalogueEntry => ({
  title,
  outcome,
  meaning,
  action,
});

/** Every error a user can see, by code. docs/errors.md is generated from this table. */
export const CATALOGUE = {
  // Reading the binlog
  'binlog.truncated': entry(
    'Binlog event is shorter than it says',
    'gap',
    'The bytes of an event end before its fields do.',
    'Check the server log for disk errors; then answer the incident with retry, or with resnapshot if the log is damaged.',
  ),
  'binlog.checksum': entry(
    'Binlog event fails its CRC32',
    'gap',
    'The checksum in the event differs from the one computed over its bytes.',
    'Check disk and network; answer with retry first, with resnapshot if the damage is in the log itself.',
  ),
  'binlog.unknown-event': entry(
    'Binlog event of an unknown type',
    'blocked',
    'The server wrote an event that this version does not know and that may not be ignored.',
    'Upgrade Sluice, then resume the pipeline.',
  ),
  'binlog.unsupported': entry(
    'Binlog holds something Sluice does not capture yet',
    'blocked',
    'The log holds XA transactions, statements with row changes, partial row images, partial JSON or the like; or a text is not valid in the character set of its column.',
    'The incident names the feature and the setting to change; change it, then answer with resnapshot. For texts, source.tables.<pattern>.invalidText says what may stand for them; a table that has stopped for one comes back when it is applied.',
  ),
  'binlog.metadata-missing': entry(
    'Row events come without full metadata',
    'blocked',
    'binlog_row_metadata was not FULL when the event was written, so its columns have no names.',
    'SET PERSIST binlog_row_metadata = FULL; events written before that cannot be read: answer with resnapshot.',
  ),
  'binlog.purged': entry(
    'The position is no longer in the binlog',
    'gap',
    'The server purged transactions that were never read.',
    'Answer the incident with resnapshot, or restore the binlogs and answer with retry.',
  ),
  'binlog.diverged': entry(
    'The server does not have the history that was read',
    'gap',
    'Transactions already captured are unknown to the server: it was replaced, restored or failed over to a replica that lagged.',
    'Point the pipeline to the right server and answer with retry, or answer with resnapshot.',
  ),
  'binlog.incident': entry(
    'The server reports lost events',
    'gap',
    'An INCIDENT event says that changes are missing from the log.',
    'Answer the incident with resnapshot.',
  ),
  'binlog.torn-transaction': entry(
    'A transaction ends without its end',
    'retry',
    'The stream starts a transaction before the one before it has been committed, as after a crash of the server.',
    'Nothing: the stream reconnects at the last complete transaction.',
  ),

  // The pipeline and its position
  'position.lost': entry(
    'The position of a pipeline that has run is gone',
    'gap',
    'The positions topic was deleted, truncated or restored to an older state.',
    'Restore the topic and answer with retry, or answer with resnapshot.',
  ),
  'pipeline.foreign-owner': entry(
    'The topic prefix belongs to another pipeline',
    'blocked',
    'Two pipelines, perhaps in two namespaces, were given the same prefix.',
    'Give this pipeline a prefix of its own, or drop the other one first.',
  ),
  'pipeline.not-found': entry(
    'No such pipeline',
    'refuse',
    'No workflow of that name runs in this namespace.',
    'Look at `sluice status`, check --address and --namespace, or start it with `sluice apply FILE`.',
  ),
  'pipeline.refused': entry(
    'The pipeline did not take the command',
    'refuse',
    'The command does not fit the state the pipeline is in, or its payload is wrong. Nothing was changed.',
    'The message says what would be possible; `sluice status PIPELINE` shows the state.',
  ),
  'pipeline.no-worker': entry(
    'No worker answers for the pipeline',
    'retry',
    'The question needs a running worker, and none is connected to Temporal.',
    'Start one with `sluice worker`.',
  ),
  'source.not-ready': entry(
    'The source is not set up for capture',
    'blocked',
    'A setting, a privilege or a table of the source would make capture wrong or impossible.',
    'Run the statements of the message on the source, then `sluice resume PIPELINE`.',
  ),
  'topic.collision': entry(
    'Two tables would share a topic',
    'blocked',
    'Topic names keep letters, digits, dot, dash and underscore; everything else becomes an underscore.',
    'Exclude one of the tables named in the message.',
  ),
  'table.no-key': entry(
    'A captured table has no primary key',
    'blocked',
    'Changes of a table without a key cannot be merged into its present rows.',
    'Add a primary key, or exclude the table.',
  ),
  'table.unknown-type': entry(
    'A captured table has a column of an unknown type',
    'blocked',
    'The server describes a column by a type that this version does not know.',
    'Exclude the table, or upgrade Sluice; the table comes back by itself when it can be read.',
  ),
  // Configuration, command line and what is nobody's doing
  'config.invalid': entry(
    'The pipeline file has problems',
    'refuse',
    'The file is not YAML, or keys in it are unknown, missing or wrong. All problems are listed, each with its line.',
    'Correct the lines named in the message; `docs/configuration.md` lists every key.',
  ),
  'config.unreadable': entry(
    'The pipeline file cannot be read',
    'refuse',
    'The path leads to no file, or the file may not be read.',
    'Check the path and the permissions of the file.',
  ),
  'config.refused': entry(
    'The worker refuses the configuration that it was given',
    'blocked',
    'A worker reads what comes from Temporal by the rules of the pipeline file, and the configuration of this pipeline breaks one. sluice apply checks a file before it sends it: something else has sent this one, or a version of Sluice that has other rules.',
    'Apply the pipeline file again: `sluice apply FILE`, which also ends the incident. If nobody here has sent it, find out who else may write to the Temporal namespace.',
  ),
  'config.secret-missing': entry(
    'A secret is not there on this worker',
    'retry',
    'The environment variable or file that the configuration refers to is missing or empty where the worker runs.',
    'Set the variable or mount the file, and start the worker again; the pipeline goes on by itself.',
  ),
  'config.secret-refused': entry(
    'The worker does not open this secret for pipelines',
    'retry',
    'A configuration may name any variable and any file, and whoever may write to the Temporal namespace can send one. A process opens only what its own list has: variables that begin with SLUICE_ and no file, unless it was started with another list.',
    'If the secret is meant for this pipeline, start the worker with `--secret-env NAME` or `--secret-dir FOLDER`, and again with all others that its pipelines need, since a list replaces the default; the pipeline goes on by itself. If not, find out who has applied this configuration.',
  ),
  'cli.usage': entry(
    'The command was not understood',
    'refuse',
    'A verb, option or argument is unknown, missing or contradicts another one.',
    'Run the verb with `--help`; it shows examples.',
  ),
  'cli.wait-ended': entry(
    'What was waited for has not come',
    'refuse',
    'An incident is open, the pipeline or a sink is paused, or the time that was given is up.',
    'Look at `sluice status PIPELINE`; give more time with `--timeout`.',
  ),
  'cli.not-confirmed': entry(
    'A destructive command was not confirmed',
    'refuse',
    'The name that was typed differs from the one asked for, or there was no terminal to type it on. Nothing was changed.',
    'Type the name as shown, or pass `--yes` in a script.',
  ),
  'temporal.unreachable': entry(
    'The Temporal server does not answer',
    'retry',
    'No connection could be made to the Temporal frontend, or it broke. Capture goes on with the work it has.',
    'Check `--address` or TEMPORAL_ADDRESS, and that the server runs.',
  ),
  'temporal.search-attributes': entry(
    'The namespace lacks search attributes',
    'refuse',
    'Workflows record their state in the search attributes CdcState and CdcPipeline, which this worker could not register.',
    'Run the commands of the message with an operator account, then start the worker again.',
  ),
  'internal.cancelled': entry(
    'The work was cancelled',
    'end',
    'Somebody asked the work to stop: a pause, a restart, Ctrl-C. Not an error.',
    'Nothing to do.',
  ),
  'internal.bug': entry(
    'Sluice met something it does not understand',
    'retry',
    'An error without a code reached the top: a defect in Sluice or in a library. It is retried with back-off and counted in sluice_bugs_total.',
    'Report it with the stack shown in the log; nothing is lost meanwhile, the position stays where it is.',
  ),

  // Writing and reading Kafka
  'kafka.unreachable': entry(
    'Kafka does not answer',
    'retry',
    'No broker could be reached, or a partition has no leader, before anything was sent.',
    'Check kafka.brokers and the network; the pipeline goes on by itself.',
  ),
  'kafka.fenced': entry(
    'Another attempt writes this pipeline now',
    'end',
    'The transaction coordinator refused the producer epoch: a newer attempt has fenced this one, or the transaction took longer than its timeout.',
    'Nothing, unless it repeats: then look for the same pipeline applied from another namespace.',
  ),
  'kafka.outcome-unknown': entry(
    'A transaction was interrupted',
    'retry',
    'A request failed after it may have reached the broker, and so did sending the transaction again; only the positions topic can tell what was committed.',
    'Nothing: the next attempt fences this one, reads the position and goes on from there.',
  ),
  'kafka.refused': entry(
    'Kafka refuses the request',
    'blocked',
    'The broker answered with an error that no repetition will change: authentication, authorization, a version or a setting.',
    'The incident names the broker error; grant the permission or change the setting, then resume.',
  ),
  'kafka.record-too-large': entry(
    'A record is larger than its topic allows',
    'blocked',
    'One record, compressed, exceeds max.message.bytes of its topic.',
    'Raise max.message.bytes of the named topic (and replica.fetch.max.bytes of the brokers), then resume. Where updates carry a large value that has not changed twice, source.tables.<pattern>.beforeImage: key leaves it out before them; a table that has stopped comes back when it is applied.',
  ),
  'kafka.topic-recreated': entry(
    'A topic was deleted',
    'gap',
    'A topic that holds records of the pipeline is gone, or was made again under its name: what was in it is lost to everybody who had not read it.',
    'Find out who deletes topics. Then answer the incident with resnapshot: every table is read again into the topics that exist.',
  ),
  'kafka.partitions-changed': entry(
    'The partition count of a topic changed',
    'blocked',
    'Keys of the topic moved to other partitions, so consumers that rely on order within a partition would see old rows after new ones.',
    'Recreate the topic with the stored count, or drop it and ask for a resnapshot of its table.',
  ),
  'kafka.record-unreadable': entry(
    'A record in Kafka cannot be read',
    'blocked',
    'A record batch fails its checksum or is compressed with a codec Sluice does not write, or an internal record is not what Sluice wrote.',
    'Find out who else writes to the named topic; only Sluice may.',
  ),
  'kafka.transaction-hanging': entry(
    'A transaction does not end',
    'blocked',
    'The brokers lost the end of a transaction, as when all of them are killed within milliseconds of a commit; nothing behind it in the named partitions can be read.',
    'Find it with `kafka-transactions.sh find-hanging` and end it with `kafka-transactions.sh abort`; then answer with resnapshot, because parts of the transaction may be visible.',
  ),
  'kafka.no-such-topic': entry(
    'The topic does not exist',
    'refuse',
    'The cluster has no topic of this name.',
    'Check prefix, database and table; a table topic appears with the first row of its table.',
  ),
  'sink.offset-out-of-range': entry(
    'The next records of a sink have left their topic',
    'gap',
    'The sink paused longer than the retention of a topic, or the topic was deleted and made anew.',
    'Answer the incident with resnapshot: a new warehouse is filled by a snapshot of every table, the old file is kept beside it as <file>.<warehouse id>. Raise retention.ms of the table topics if pauses of this length are normal.',
  ),
  'sink.unknown-schema': entry(
    'A record names a schema that is not on record',
    'blocked',
    'The schemas topic did not show the id within the deadline, although it is written before the first row that needs it.',
    'Check that nobody deletes from the schemas topic; then answer with retry, or with resnapshot.',
  ),
  // MySQL
  'mysql.unreachable': entry(
    'The MySQL server cannot be reached',
    'retry',
    'No connection could be made: wrong address, closed port, server down or network away.',
    'Nothing if the server comes back; otherwise check host and port in source and the firewall between.',
  ),
  'mysql.connection-lost': entry(
    'The connection to MySQL broke',
    'retry',
    'The server closed the connection, was shut down, or sent nothing for three heartbeats.',
    'Nothing: the pipeline reconnects at its position.',
  ),
  'mysql.server-changed': entry(
    'Another server answers at the address of the source',
    'retry',
    'Two connections of one attempt have reached two servers: a failover, or an address that stands for several servers.',
    'Nothing after a failover: the pipeline begins anew with the server that answers. If it comes again, give the address of one server, not of a proxy or reader endpoint that spreads connections.',
  ),
  'mysql.busy': entry(
    'MySQL has no connection to spare',
    'retry',
    'max_connections or a limit of the account is reached.',
    'Nothing if it passes; otherwise raise max_connections or the limits of the account (Sluice needs four).',
  ),
  'mysql.access-denied': entry(
    'MySQL refuses the account',
    'retry',
    'User, password, host or authentication method do not fit an account of the server, or the account is locked or expired.',
    'Correct user and password in source, or the account. Sluice tries again by itself, since server and secret change at different times while a password is renewed.',
  ),
  'mysql.tls-failed': entry(
    'The TLS handshake with MySQL failed',
    'blocked',
    'The server offers no TLS, or its certificate is not signed by the given CA or names another host.',
    'Correct source.tls (ca, verify) or the certificate of the server; then resume the pipeline.',
  ),
  'mysql.grant-missing': entry(
    'The MySQL account lacks a privilege',
    'blocked',
    'Reading the log needs REPLICATION SLAVE and REPLICATION CLIENT, reading tables needs SELECT.',
    'Run the GRANT of the message as an administrator; then resume the pipeline.',
  ),
  'mysql.misconfigured': entry(
    'The MySQL server cannot serve its log',
    'blocked',
    'The binary log is off, gtid_mode is not ON, or server_id is 0.',
    'Run sluice check: it names every setting and the SQL that corrects it.',
  ),
  'mysql.packet-too-large': entry(
    'An event is larger than the server may send',
    'blocked',
    'An event of the log, or a row, exceeds max_allowed_packet of the server.',
    'SET PERSIST max_allowed_packet = 1073741824; then resume the pipeline.',
  ),
  'mysql.taken-over': entry(
    'Another attempt of this pipeline reads the log',
    'end',
    'The server ended this dump because one with the same identity began.',
    'Nothing: the newer attempt goes on. Where it comes again and again, two pipelines of one name, prefix and brokers read the server: rename one of them.',
  ),
  'mysql.dump-refused': entry(
    'MySQL ended the dump of its log',
    'retry',
    'The server reported an error while sending its log that is none of the known ones.',
    'Read the message and the log of the server; the pipeline tries again by itself.',
  ),
  'mysql.query-failed': entry(
    'A query on the source failed',
    'retry',
    'The server answered a query with an error that is none of the known ones.',
    'Read the error number in the message and the log of the server; the pipeline tries again by itself.',
  ),

  // Snapshots
  'snapshot.table-gone': entry(
    'A table of a snapshot no longer exists',
    'retry',
    'The table was dropped or renamed while it was waiting to be read.',
    'Nothing: the snapshot goes on with the next table.',
  ),
  'snapshot.barrier-timeout': entry(
    'The source has not applied what the stream has shown',
    'retry',
    'Transactions already read from the log did not become visible to SELECT in time.',
    'Nothing if it passes; otherwise look for stuck commits on the source, such as a semi-sync wait.',
  ),
  'snapshot.window-timeout': entry(
    'The log does not show what the source has executed',
    'retry',
    'A chunk waits for transactions of gtid_executed that came by another way than the log, as by SET GLOBAL gtid_purged: what they changed is in no log.',
    'Nothing if it passes; the next attempt compares gtid_purged with the position and opens an incident if changes are missing.',
  ),
  'snapshot.key-unsupported': entry(
    'A table has a key that chunks cannot be cut by',
    'blocked',
    'The primary key holds a FLOAT or DOUBLE column, whose values cannot be compared exactly.',
    'Exclude the table, or give it a key of another type.',
  ),

  // Warehouses
  'sink.out-of-order': entry(
    'Records of a partition are not in sequence',
    'blocked',
    'A record has a sequence that is not greater than that of the record before it in its partition.',
    'Find out who else writes to the named topic; then answer with resnapshot.',
  ),
  'sink.behind-watermark': entry(
    'A record comes too late',
    'blocked',
    'A record belongs to a commit that the warehouse has already shown as complete.',
    'Nothing of it was dropped or stored. Report it with the position in the message; answer with resnapshot.',
  ),
  'sink.other-host': entry(
    'The warehouse file is on another host',
    'blocked',
    'A DuckDB file is local to the host of its sink; elsewhere the path names another file.',
    'Run a worker on the host of the message (sluice worker --host NAME), or name another host in the file: sinks.NAME.host.',
  ),
  'sink.schema-conflict': entry(
    'A table has had more columns than the warehouse can hold',
    'blocked',
    'A table of BigQuery has at most 10,000 columns, and those count that the source has dropped or given another type. Sinks of earlier versions also stop where no type holds the old and the new values of a column.',
    'That table alone has stopped. Answer with resnapshot to fill a new warehouse that has never seen the old columns. Where the message names a type: sluice snapshot PIPELINE --tables TABLE, every change of type is followed now.',
  ),
  'sink.name-collision': entry(
    'An earlier version stopped a table for its name',
    'blocked',
    'Sinks of earlier versions stopped a table whose name in the warehouse another one had. This version shows both, the second under a number: _cdc_status says where.',
    'In DuckDB the table goes on by itself at the start of the sink. In BigQuery, or where its topic has lost records, sluice snapshot PIPELINE --tables TABLE brings it back.',
  ),
  'sink.foreign-warehouse': entry(
    'The warehouse belongs to another pipeline',
    'blocked',
    'The file holds the tables of another pipeline or topic prefix, or was made by a newer version.',
    'Give this sink a file of its own.',
  ),
  'sink.warehouse-lost': entry(
    'The warehouse is not the one that was filled so far',
    'gap',
    'The file is missing, empty or another one, although this sink has committed to it before.',
    'Put the file back and answer with retry, or answer with resnapshot: an empty warehouse begins at the present cut, and a snapshot of every table fills it.',
  ),
  'sink.snapshot-cancelled': entry(
    'The snapshot that fills a new warehouse was cancelled',
    'blocked',
    'The warehouse began at a cut in the middle of the pipeline’s life, and rows from before it come by a snapshot only; without it the tables stay incomplete.',
    'Answer with retry to ask for the snapshot again.',
  ),
  'sink.warehouse-unknown': entry(
    'The warehouse holds rows that no record of its sink speaks of',
    'gap',
    'The sinks topic was deleted, or the file was filled by a pipeline that was dropped together with its topics: nothing tells whether the offsets in the file belong to the topics of today.',
    'Answer with resnapshot: the file is kept under another name, and a new one is filled. Or move the file away yourself and answer with retry.',
  ),
  'duckdb.locked': entry(
    'Another process holds the DuckDB file',
    'retry',
    'DuckDB lets one process at a time open a file, and this one is open elsewhere.',
    'End the other process: a second worker, a notebook, the duckdb command line. Questions go through sluice query.',
  ),
  'duckdb.io-failed': entry(
    'The DuckDB file cannot be read or written',
    'retry',
    'The folder is missing, the disk is full, or the file is not a DuckDB database.',
    'Read the message, make room or correct the path; the sink goes on by itself.',
  ),
  'duckdb.out-of-memory': entry(
    'DuckDB needs more memory than it may use',
    'retry',
    'A commit or a compaction needs more than memoryLimitMb of the sink, also when its rows are stored one by one.',
    'Raise memoryLimitMb of the sink, and let the worker have that much; a query that ran beside it may have taken it for a moment. A table whose rows do not fit by themselves either has stopped, and is tried again at the next start.',
  ),
  'duckdb.table-refused': entry(
    'Something in the file has the name of a table’s view',
    'blocked',
    'Somebody has made a table, a view or a macro where one of the views of a table belongs, and a sink replaces and drops only what it has made itself. The table has stopped, the others go on.',
    'Rename or drop what the message names while the sink is stopped; the table goes on at its next start. Where its topic has lost records meanwhile, sluice snapshot PIPELINE --tables TABLE brings it back.',
  ),
  'duckdb.value-refused': entry(
    'A value does not fit its column in the warehouse',
    'blocked',
    'DuckDB could not convert a value of the named table into the type of its column; none of its rows of the batch were stored.',
    'That table alone has stopped. Change the value or the column, then sluice snapshot PIPELINE --tables TABLE; report it with the type of the column.',
  ),
  'duckdb.failed': entry(
    'DuckDB refused a statement',
    'retry',
    'A statement of the sink failed for a reason that is none of the known ones.',
    'Read the message; the sink starts again from its last commit by itself.',
  ),
  'bigquery.unreachable': entry(
    'BigQuery cannot be reached',
    'retry',
    'A request got no answer, or one that says that BigQuery itself has a fault.',
    'Nothing if it passes: the sink finds out by the job id what became of the request. Otherwise check the network and the status page.',
  ),
  'bigquery.rate-limited': entry(
    'BigQuery asks for fewer requests',
    'retry',
    'Too many jobs, statements or metadata changes came in a short time.',
    'Nothing if it passes; otherwise raise loadIntervalMs, or find out who else uses the project.',
  ),
  'bigquery.quota-exceeded': entry(
    'A daily quota of BigQuery is used up',
    'retry',
    'A table takes 1,500 load jobs a day and a project 100,000; or a quota that the project set itself is reached.',
    'Raise loadIntervalMs, or have the quota raised. Changes wait in the topics meanwhile.',
  ),
  'bigquery.denied': entry(
    'BigQuery refuses the account of the sink',
    'blocked',
    'The account is not known, or lacks a permission on the project or a dataset.',
    'Grant what the message names; sluice check tries every permission. Then answer with retry.',
  ),
  'bigquery.no-credentials': entry(
    'The sink has no credentials for BigQuery',
    'retry',
    'The application default credentials cannot be found or are refused, the metadata server does not answer, or BigQuery does not take the token.',
    'Correct impersonate or the service account of the worker, or give a keyFile. The sink tries again by itself, since a metadata server may be slow when a machine starts.',
  ),
  'bigquery.not-found': entry(
    'Something the sink has made in BigQuery is gone',
    'blocked',
    'A dataset, table or project that the sink uses does not exist, or is in another location.',
    'Restore it (time travel reaches back seven days) and answer with retry, or answer with resnapshot.',
  ),
  'bigquery.row-refused': entry(
    'A row does not fit into BigQuery',
    'blocked',
    'A row is over 100 MB, or has a value that no type of BigQuery holds, and the sink is configured to stop its table then. The views of the table stay at the cut before, its records wait in its topic, and the other tables go on.',
    'Set onRefusedRow: reject, and the table goes on from where it stopped. Or correct the row in the source and bring the table back with sluice snapshot PIPELINE --tables TABLE; so also when its records have left the topic.',
  ),
  'bigquery.value-refused': entry(
    'BigQuery refuses what rows hold',
    'blocked',
    'A load job or a stream failed on its content, although every row had been checked; nothing of it was stored. Its table has stopped, the others go on.',
    'Report it with the job id in the message. When the source has changed, sluice snapshot PIPELINE --tables TABLE brings the table back.',
  ),
  'bigquery.table-refused': entry(
    'BigQuery refuses to make or to change a table or its views',
    'blocked',
    'Something in the dataset has the name of one of its views, and is somebody’s or another pipeline’s: a sink replaces and drops only what it has made itself. Or a statement of the table failed for what it says: BigQuery does not take a name, a type or a query. Its table has stopped, the others go on.',
    'Rename or drop what the message names, or look at its job in BigQuery. When the way is clear, sluice snapshot PIPELINE --tables TABLE brings the table back.',
  ),
  'bigquery.column-unknown': entry(
    'BigQuery does not know a column yet that it was given',
    'retry',
    'A load has a column that was added a moment ago, and BigQuery takes up to minutes to learn of one; nothing of it was stored.',
    'Nothing if it passes; otherwise somebody has dropped the column: add it again as it was.',
  ),
  'bigquery.stream-behind': entry(
    'BigQuery’s streams do not know a table or column yet',
    'retry',
    'A table or column that the sink has made reaches the Storage Write API within seconds, sometimes minutes.',
    'Nothing if it passes. Otherwise the table was dropped: restore it, or answer with resnapshot.',
  ),
  'bigquery.stream-lost': entry(
    'A stream with rows of a commit is not known to BigQuery',
    'retry',
    'The rows were written to the named stream and not committed for so long that BigQuery cleared it away, or it has lost it. None of them is in the table.',
    'Nothing: they are written anew when the stream is a day old and can no more be committed, so that no row comes twice.',
  ),
  'bigquery.statement-refused': entry(
    'BigQuery refuses a statement of the sink as invalid',
    'blocked',
    'A statement that the sink has made cannot be carried out as it is, and would be refused each time: something else has the name of a table or view, somebody has changed a table of the sink, or BigQuery has a limit that Sluice does not know. Nothing of it was done.',
    'Read the reason in the message. When what it names is put right, answer with retry: the sink repeats the commit that it has begun. Otherwise answer with resnapshot, and report it with the job id.',
  ),
  'bigquery.other-writer': entry(
    'The warehouse was changed by somebody else',
    'retry',
    'The checkpoint is not the one that this attempt has read: another worker of the same sink has committed.',
    'Nothing: the sink reads the checkpoint again. If it comes back, two workers fill one warehouse: stop one.',
  ),
  'bigquery.failed': entry(
    'A BigQuery job failed',
    'retry',
    'A job of the sink ended with an error that is none of the known ones.',
    'Look at the job of the message in BigQuery; the sink tries again under another job id by itself.',
  ),
  'drain.no-worker': entry(
    'No worker answers here',
    'refuse',
    'A worker is drained on its own machine, by its own user, with the --host and --namespace that it was started with; TMPDIR has to be the same too.',
    'Run it where the worker runs, in its container when it has one; SIGTERM ends a worker that does not answer, in order and all at once.',
  ),
  'drain.refused': entry(
    'The worker does not hand its work over',
    'refuse',
    'It said why, or was gone before it had said that it has nothing left.',
    'Look at sluice status and at the log of the worker, then ask again.',
  ),
  'query.no-worker': entry(
    'No worker serves this DuckDB file',
    'refuse',
    'Only the process that has the file open can answer, and none listens for questions about it.',
    'Start the worker of the pipeline; while none runs, the duckdb command line can open the file.',
  ),
  'query.refused': entry(
    'The query was not answered',
    'refuse',
    'One reading statement is accepted; files, settings and other databases are out of reach; time, memory, the length of a row and the number of clients are bounded, and the sink comes first.',
    'Read the message: correct the SQL, ask for less or with --timeout for longer, or ask again later.',
  ),

  // The worker process
  'worker.thread-stuck': entry(
    'A data thread made no progress',
    'retry',
    'The thread that captures or fills a warehouse has not turned its event loop for a minute.',
    'Nothing: it is ended and started again. If it recurs, look for a machine out of memory or processor time.',
  ),
  'worker.lost': entry(
    'A worker has gone in the middle of its work',
    'retry',
    'It was killed, ran out of memory, or lost its way to Temporal; another attempt has begun from the stored position.',
    'Nothing, once. Where it comes again and again, look at the memory of the workers and at why they end.',
  ),
  'worker.thread-died': entry(
    'A data thread ended by itself',
    'retry',
    'The thread that captures or fills a warehouse exited without a verdict, for example out of memory.',
    'Nothing: it is started again. If it recurs, give the worker more memory.',
  ),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof CATALOGUE;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(CATALOGUE, text);
}
