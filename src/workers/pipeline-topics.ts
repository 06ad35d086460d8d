import type { SecretScope } from '../config/secret.ts';
import { ownerOf } from '../control/names.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import { ownedTopics } from '../kafka/owned-topics.ts';
import { kafkaConnection } from './connections.ts';

/**
 * The topics that `drop --delete-topics` would delete, those of tables first.
 * @throws {SluiceError} `config.secret-missing` | `config.secret-refused`, where the caller has not
 *   the worker's secrets; `kafka.unreachable` | `kafka.refused`
 */
export async function pipelineTopics(
  spec: PipelineSpec,
  namespace: string,
  secrets: SecretScope,
): Promise<readonly string[]> {
  const { prefix } = spec.kafka;
  const owner = ownerOf(namespace, spec);
  const { tables, internal } = await ownedTopics(await kafkaConnection(spec, secrets), {
    prefix,
    owner,
  });
  return [...tables, ...internal];
}
