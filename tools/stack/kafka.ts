import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchMavenModules, type MavenModule } from './maven.ts';
import type { PackagedServer, Site } from './packaged-server.ts';
import { hasProgram } from './prerequisite.ts';
import { run } from './run.ts';

const VERSION = '4.3.0';

const MODULES: readonly MavenModule[] = [
  ['org.apache.kafka', 'kafka_2.13', VERSION],
  ['org.apache.kafka', 'kafka-tools', VERSION],
  ['org.slf4j', 'slf4j-simple', '1.7.36'],
];

/**
 * Publishing its counters, a starting JVM works in a folder under /tmp for a moment; meanwhile its
 * pid file, which counts only with the working directory, would be taken for a stranger's.
 */
const JVM = ['-XX:-UsePerfData'];

/** Apache Kafka as one KRaft node, broker and controller in one process. */
export const KAFKA: PackagedServer = {
  cacheEntry: `kafka-${VERSION}`,
  buildStage: 'downloading Kafka (54 MB)',

  lacks(cached, env) {
    const programs = cached ? ['java'] : ['java', 'mvn'];
    const names = { java: 'java (JDK 17 or newer)', mvn: 'mvn (Maven 3)' } as const;
    return programs
      .filter((program) => !hasProgram(program, env))
      .map((program) => names[program as keyof typeof names]);
  },

  async build(folder, context) {
    await fetchMavenModules(MODULES, folder, context);
  },

  configure: (site) => writeFile(join(site.folder, 'server.properties'), properties(site)),

  async initialise(site, context) {
    const clusterId = randomBytes(16).toString('base64url');
    // As one argument: an id may begin with a dash.
    const format = ['format', `--cluster-id=${clusterId}`, '--config=server.properties'];
    await run('java', [...JVM, '-cp', classPath(site), 'kafka.tools.StorageTool', ...format], {
      label: 'kafka-storage format',
      cwd: site.folder,
      findable: true,
      ...context,
    });
  },

  command: (site) => ({
    program: 'java',
    args: [...JVM, '-Xmx1g', '-cp', classPath(site), 'kafka.Kafka', 'server.properties'],
  }),
};

function classPath(site: Site): string {
  return join(site.home, 'libs', '*');
}

function properties(site: Site): string {
  const largestBatchBytes = 17 * 1024 * 1024;
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `listeners=PLAINTEXT://127.0.0.1:${site.record.port},CONTROLLER://127.0.0.1:${site.record.sidePort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${site.record.port}`,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name=PLAINTEXT',
    'controller.listener.names=CONTROLLER',
    `controller.quorum.voters=1@127.0.0.1:${site.record.sidePort}`,
    `log.dirs=${join(site.folder, 'data')}`,
    'auto.create.topics.enable=false',
    'default.replication.factor=1',
    'min.insync.replicas=1',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=4',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'transaction.state.log.num.partitions=4',
    'share.coordinator.state.topic.replication.factor=1',
    'share.coordinator.state.topic.min.isr=1',
    'share.coordinator.state.topic.num.partitions=4',
    'transaction.abort.timed.out.transaction.cleanup.interval.ms=1000',
    'group.initial.rebalance.delay.ms=0',
    `message.max.bytes=${largestBatchBytes}`,
    `replica.fetch.max.bytes=${largestBatchBytes}`,
    '',
  ].join('\n');
}
