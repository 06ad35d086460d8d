import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEBEZIUM_VERSION, type Debezium } from '../tools/stack/debezium.ts';
import { freePort } from '../tools/stack/port.ts';
import { connectOffsets } from './connect-offsets.ts';
import type { Contender, Job } from './contender.ts';
import type { Place } from './place.ts';
import { Program } from './program.ts';
import { READER } from './source.ts';
import { createPatiently } from './topics.ts';

/** What turns a shipped Debezium into a tuned one. */
export const TUNED: Readonly<Record<string, string>> = {
  'producer.override.compression.type': 'zstd',
  'producer.override.batch.size': '524288',
  'producer.override.linger.ms': '5',
  'max.batch.size': '16384',
  'max.queue.size': '65536',
  'poll.interval.ms': '50',
};

const HEAP = '2g';
const SERVER_ID = '7001';

/** Debezium in Kafka Connect standalone, JSON without schemas. */
export function debezium(
  name: string,
  installed: Debezium,
  tuning: Readonly<Record<string, string>>,
  place: Place,
): Contender {
  const isTuned = Object.keys(tuning).length > 0;
  return {
    name,
    description: `Debezium ${DEBEZIUM_VERSION}, ${isTuned ? 'tuned' : 'as shipped'}, Kafka Connect standalone, ${HEAP} heap`,
    settings: { heap: HEAP, 'value.converter': 'JsonConverter without schemas', ...tuning },
    topicOf: ({ prefix, database }, table) => `${prefix}.${database}.${table}`,
    start: async (job) => {
      const folder = join(place.programs, job.prefix);
      await mkdir(folder, { recursive: true });
      const worker = join(folder, 'worker.properties');
      const connector = join(folder, 'connector.properties');
      const offsets = join(folder, 'offsets.dat');
      await writeFile(worker, properties(await workerSettings(installed, offsets, place)));
      const settings = { ...connectorSettings(job, place), ...tuning };
      await writeFile(connector, properties(settings), { mode: 0o600 });
      if (job.position) await writeFile(offsets, startingOffsets(job));
      // Schema changes have a topic of their own, which nobody else would create.
      await createPatiently(place.kafka.brokers, [{ topic: job.prefix, partitions: 1 }]);
      const main = 'org.apache.kafka.connect.cli.ConnectStandalone';
      const args = [`-Xmx${HEAP}`, '-cp', installed.connectClassPath, main, worker, connector];
      return Program.start(folder, { program: 'java', args }, place.env);
    },
  };
}

async function workerSettings(
  { pluginPath }: Debezium,
  offsets: string,
  { kafka }: Place,
): Promise<Readonly<Record<string, string>>> {
  return {
    'bootstrap.servers': kafka.brokers.join(','),
    'plugin.path': pluginPath,
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'key.converter.schemas.enable': 'false',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'false',
    'offset.storage.file.filename': offsets,
    listeners: `http://127.0.0.1:${await freePort()}`,
  };
}

function connectorSettings(
  { prefix, database, position }: Job,
  { mysql, kafka }: Place,
): Readonly<Record<string, string>> {
  return {
    name: prefix,
    'connector.class': 'io.debezium.connector.mysql.MySqlConnector',
    'tasks.max': '1',
    'database.hostname': mysql.host,
    'database.port': String(mysql.port),
    'database.user': READER.user,
    'database.password': READER.password,
    'database.server.id': SERVER_ID,
    // Nobody encrypts here; its default would, wherever the server can.
    'database.ssl.mode': 'disabled',
    'driver.allowPublicKeyRetrieval': 'true',
    'topic.prefix': prefix,
    'database.include.list': database,
    'schema.history.internal.kafka.bootstrap.servers': kafka.brokers.join(','),
    'schema.history.internal.kafka.topic': `${prefix}.history`,
    // With a position and no history yet, this mode reads the tables' definitions and then streams.
    'snapshot.mode': position ? 'recovery' : 'initial',
  };
}

/** What the connector would have stored, had it stopped at the job's position. */
function startingOffsets({ prefix, position }: Job): Buffer {
  const offset = { file: position?.file, pos: position?.pos, gtids: position?.gtidSet };
  return connectOffsets([prefix, { server: prefix }], offset);
}

function properties(settings: Readonly<Record<string, string>>): string {
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`;
}
