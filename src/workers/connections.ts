import { readNamedFile, resolveSecret, type SecretScope } from '../config/secret.ts';
import type { PipelineSpec, TlsSpec } from '../control/pipeline-spec.ts';
import type { KafkaConnection } from '../kafka/connection-options.ts';
import type { PipelineLogOptions } from '../kafka/pipeline-log.ts';
import type { MysqlAccount } from '../mysql/connection.ts';

/** Secrets are resolved here, in the process that uses them, and go no further. */
export async function mysqlAccount(
  { source }: PipelineSpec,
  secrets: SecretScope,
): Promise<MysqlAccount> {
  return {
    host: source.host,
    port: source.port,
    user: source.user,
    password: await resolveSecret(source.password, secrets),
    ...(source.tls ? { tls: await tlsOptions(source.tls, secrets) } : {}),
  };
}

export async function kafkaConnection(
  { kafka }: Pick<PipelineSpec, 'kafka'>,
  secrets: SecretScope,
): Promise<KafkaConnection> {
  return {
    brokers: kafka.brokers,
    ...(kafka.tls ? { tls: await tlsOptions(kafka.tls, secrets) } : {}),
    ...(kafka.sasl
      ? { sasl: { ...kafka.sasl, password: await resolveSecret(kafka.sasl.password, secrets) } }
      : {}),
  };
}

export async function pipelineLogOptions(
  spec: PipelineSpec,
  secrets: SecretScope,
): Promise<PipelineLogOptions> {
  const { prefix, partitions, replication, compression } = spec.kafka;
  return {
    ...(await kafkaConnection(spec, secrets)),
    prefix,
    partitions,
    replication,
    compression,
    pipeline: spec.pipeline,
  };
}

async function tlsOptions(
  { ca, verify }: TlsSpec,
  secrets: SecretScope,
): Promise<{ readonly ca?: string; readonly verify: boolean }> {
  return { verify, ...(ca === undefined ? {} : { ca: await readNamedFile(ca, secrets) }) };
}
