import { refuseForeignOwner } from '../capture/refusals.ts';
import { OWN_SECRETS, type SecretScope } from '../config/secret.ts';
import type { Finding } from '../control/finding.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import { SluiceError } from '../errors/error.ts';
import { nestedPrefixes } from '../kafka/owned-topics.ts';
import { KafkaPipelineLog } from '../kafka/pipeline-log.ts';
import { listTopics } from '../kafka/topic-admin.ts';
import { preflight as checkSource } from '../mysql/preflight.ts';
import { kafkaConnection, mysqlAccount, pipelineLogOptions } from './connections.ts';
import { costFindings } from './cost-estimate.ts';
import { secretFindings } from './secret-preflight.ts';
import { sinkFindings } from './sink-preflight.ts';

const PREFLIGHT_TIMEOUT_MS = 60_000;

/**
 * Everything that keeps a pipeline from running or may cost it later, each with its cure. Changes nothing.
 *
 * @param ofWorkers  what workers are taken to open; this process opens what the person may read
 */
export async function checkPipeline(
  spec: PipelineSpec,
  ofWorkers: SecretScope,
): Promise<readonly Finding[]> {
  const findings = [
    ...(await preflight(spec, OWN_SECRETS)),
    ...(await sinkFindings(spec)),
    ...secretFindings(spec, ofWorkers),
  ];
  const isReadable = findings.every(({ severity }) => severity !== 'fatal');
  const signal = AbortSignal.timeout(PREFLIGHT_TIMEOUT_MS);
  return isReadable ? [...findings, ...(await costFindings(spec, signal))] : findings;
}

/** What capture needs. */
async function preflight(spec: PipelineSpec, secrets: SecretScope): Promise<readonly Finding[]> {
  const { serverId, include, exclude, ghostTables, tables } = spec.source;
  const account = await mysqlAccount(spec, secrets);
  const findings = await checkSource(
    { account, serverId, include, exclude, ghostTables, ...(tables ? { tables } : {}) },
    AbortSignal.timeout(PREFLIGHT_TIMEOUT_MS),
  );
  return [...findings, await checkKafka(spec, secrets)];
}

/** @throws {SluiceError} `kafka.unreachable` | `kafka.refused` */
async function checkKafka(spec: PipelineSpec, secrets: SecretScope): Promise<Finding> {
  const { prefix } = spec.kafka;
  const topics = await listTopics(await kafkaConnection(spec, secrets));
  const own = topics.filter((topic) => topic.startsWith(`${prefix}.`));
  const nested = nestedPrefixes(topics, prefix);
  return nested.length > 0
    ? { check: 'kafka.prefix', severity: 'fatal', message: nestedText(prefix, nested) }
    : {
        check: 'kafka',
        severity: 'ok',
        message: `The brokers answer; ${own.length} topics of prefix ${prefix} exist.`,
      };
}

function nestedText(prefix: string, others: readonly string[]): string {
  return `Prefix ${prefix} and ${others.join(', ')}, of another pipeline, lie within each other: topics of the one could be taken for the other's. Choose a prefix that is not followed by a dot in the other.`;
}

/**
 * What has to be true before the first byte is read: no fatal finding at the source, and the
 * pipeline's own topics. Idempotent.
 *
 * A prefix of somebody else is refused here already, before a sink fills a warehouse from it. What is
 * wrong with a sink is no reason: capture goes on without it, and the sink tells by itself what it lacks.
 *
 * @throws {SluiceError} `source.not-ready` with every fatal finding; `pipeline.foreign-owner`
 */
export async function provision(
  spec: PipelineSpec,
  owner: string,
  secrets: SecretScope,
): Promise<void> {
  const fatal = (await preflight(spec, secrets)).filter(({ severity }) => severity === 'fatal');
  if (fatal.length > 0)
    throw new SluiceError(
      'source.not-ready',
      fatal
        .map(
          ({ check, message, fixSql }) =>
            `${check}: ${message}${fixSql === undefined ? '' : ` Fix: ${fixSql}`}`,
        )
        .join('\n'),
      { facts: { checks: fatal.map(({ check }) => check) } },
    );
  const log = new KafkaPipelineLog(await pipelineLogOptions(spec, secrets));
  try {
    const { checkpoint } = await log.peek();
    refuseForeignOwner(checkpoint, { prefix: spec.kafka.prefix, owner });
  } finally {
    await log.close();
  }
}
