import { OWN_SECRETS } from '../config/secret.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import type { KafkaConnection } from '../kafka/connection-options.ts';
import { type TailedRecord, tailTopic as tail } from '../kafka/tail.ts';
import { kafkaConnection } from './connections.ts';

export type { TailedRecord } from '../kafka/tail.ts';

export interface TailRequest {
  readonly brokers: readonly string[];
  /** Security settings, when a pipeline file gave them. */
  readonly kafka?: PipelineSpec['kafka'];
  readonly topic: string;
  readonly fromBeginning: boolean;
  /** Ends after so many; never when absent. */
  readonly limit?: number;
  readonly signal: AbortSignal;
}

/** Committed records of a topic as they come, with keys, values and headers as text. */
export async function* tailTopic(request: TailRequest): AsyncGenerator<TailedRecord> {
  const { brokers, kafka, topic, fromBeginning, limit, signal } = request;
  const connection: KafkaConnection = kafka
    ? await kafkaConnection({ kafka }, OWN_SECRETS)
    : { brokers };
  yield* tail({
    ...connection,
    topic,
    fromBeginning,
    signal,
    ...(limit === undefined ? {} : { limit }),
  });
}
