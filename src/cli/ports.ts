import type { SecretScope } from '../config/secret.ts';
import type { Finding } from '../control/finding.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import type { TemporalPlace } from '../temporal/connection.ts';
import type { PipelineClient } from '../temporal/pipeline-client.ts';
import type { sinkCosts } from '../workers/cost.ts';
import type { drainWorker } from '../workers/drain-client.ts';
import type { pipelineTopics } from '../workers/pipeline-topics.ts';
import type { streamQuery } from '../workers/query.ts';
import type { runWorker } from '../workers/run-worker.ts';
import type { tableStandings } from '../workers/table-standings.ts';
import type { tailTopic } from '../workers/tail.ts';

/** What the verbs ask of pipelines, through Temporal. */
export type PipelineControl = AsyncDisposable &
  Pick<
    PipelineClient,
    | 'apply'
    | 'list'
    | 'status'
    | 'incidents'
    | 'config'
    | 'pause'
    | 'resume'
    | 'requestSnapshot'
    | 'resnapshot'
    | 'recover'
    | 'drop'
  >;

/** Everything the command line reaches beyond itself; src/cli/main.ts plugs the real ones in. */
export interface CliPorts {
  readonly runWorker: typeof runWorker;
  readonly drainWorker: typeof drainWorker;
  checkPipeline(
    spec: PipelineSpec,
    ofWorkers: SecretScope,
  ): Promise<{ readonly findings: readonly Finding[] }>;
  readonly pipelineTopics: typeof pipelineTopics;
  readonly tableStandings: typeof tableStandings;
  readonly sinkCosts: typeof sinkCosts;
  readonly tailTopic: typeof tailTopic;
  readonly streamQuery: typeof streamQuery;
  /** @throws {SluiceError} `temporal.unreachable` */
  connect(place: TemporalPlace): Promise<PipelineControl>;
}
