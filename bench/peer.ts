import { join } from 'node:path';
import type { Contender, Job } from './contender.ts';
import type { PeerOption } from './options.ts';
import type { Place } from './place.ts';
import { Program } from './program.ts';
import { READER } from './source.ts';

/** A program of somebody else. It learns from its environment what to read, and where to write. */
export function peer({ name, command, topic }: PeerOption, place: Place): Contender {
  return {
    name,
    description: command,
    settings: { topic },
    topicOf: ({ prefix, database }, table) =>
      topic
        .replaceAll('{prefix}', prefix)
        .replaceAll('{database}', database)
        .replaceAll('{table}', table),
    start: (job) =>
      Program.start(
        join(place.programs, job.prefix),
        { program: '/bin/sh', args: ['-c', `exec ${command}`] },
        { ...place.env, ...peerEnvironment(job, place) },
      ),
  };
}

/** docs/performance.md lists these. */
function peerEnvironment(
  { prefix, database, tables, position }: Job,
  { mysql, kafka }: Place,
): Readonly<Record<string, string>> {
  return {
    BENCH_MYSQL_HOST: mysql.host,
    BENCH_MYSQL_PORT: String(mysql.port),
    BENCH_MYSQL_USER: READER.user,
    BENCH_MYSQL_PASSWORD: READER.password,
    BENCH_DATABASE: database,
    BENCH_TABLES: tables.join(','),
    BENCH_KAFKA_BROKERS: kafka.brokers.join(','),
    BENCH_PREFIX: prefix,
    ...(position && {
      BENCH_BINLOG_FILE: position.file,
      BENCH_BINLOG_POS: String(position.pos),
      BENCH_GTID_SET: position.gtidSet,
    }),
  };
}
