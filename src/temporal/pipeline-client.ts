import { randomUUID } from 'node:crypto';
import {
  type Client,
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  type WorkflowStartOptions,
} from '@temporalio/client';
import type { Workflow } from '@temporalio/common';
import type {
  CommandAnswer,
  CommandKind,
  RecoverAction,
  SinkCommandKind,
} from '../control/messages.ts';
import { CONTROL_QUEUE, pipelineWorkflowId, sinkWorkflowId } from '../control/names.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import { changesNothing, UNCHANGED } from '../control/pipeline-state.ts';
import { keepHosts, type PlacedSpec } from '../control/sink-hosts.ts';
import { SluiceError } from '../errors/error.ts';
import { connectClient, type TemporalPlace } from './connection.ts';
import {
  ANSWER_TIMEOUT_MS,
  type IncidentView,
  type PipelineView,
  viewConfig,
  viewIncidents,
  viewPipeline,
  viewState,
} from './pipeline-view.ts';
import { explaining, isNoWorker } from './server-answer.ts';
import { type SinkPlace, sinkPlaces } from './sink-places.ts';

export type { IncidentView, PipelineView, SinkView } from './pipeline-view.ts';

/** Who asks, and why; part of the pipeline's record. */
export interface Operator {
  readonly by: string;
  readonly reason?: string;
}

/** A request to a pipeline, or to one of its sinks alone. */
export type OfSink = Operator & { readonly sink?: string };

/** What became of a command. */
export interface CommandReceipt {
  /** A worker has taken it. Otherwise it waits in the server for one, and may yet be refused. */
  readonly taken: boolean;
  /** For a person. */
  readonly message: string;
}

export interface ApplyReceipt extends CommandReceipt {
  readonly workflowId: string;
  readonly created: boolean;
  /** Of the sinks that have a host, when it is known. */
  readonly places: readonly SinkPlace[];
}

export interface PipelineClientOptions {
  /** How long a worker's answer may take before a command is left with the server. */
  readonly answerTimeoutMs?: number;
}

/**
 * What operators ask of pipelines. Commands go as updates, which a worker answers; when none does,
 * as signals, which wait in the server for one. Both carry one command id: should the update arrive
 * after all, the second of the two does nothing.
 *
 * Every method throws {@link SluiceError}: `pipeline.not-found`, `pipeline.refused` or
 * `temporal.unreachable`.
 */
export class PipelineClient implements AsyncDisposable {
  readonly #client: Client;
  readonly #answerTimeoutMs: number;

  constructor(client: Client, { answerTimeoutMs = ANSWER_TIMEOUT_MS }: PipelineClientOptions = {}) {
    this.#client = client;
    this.#answerTimeoutMs = answerTimeoutMs;
  }

  static async connect(place: TemporalPlace): Promise<PipelineClient> {
    return new PipelineClient(await connectClient(place));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.connection.close();
  }

  /**
   * Starts the pipeline, or hands a running one its new configuration. Idempotent; an unchanged one is
   * found by a question, since a run takes two thousand updates and some apply a file every few minutes.
   */
  async apply(applied: PlacedSpec): Promise<ApplyReceipt> {
    const { spec } = applied;
    const workflowId = pipelineWorkflowId(spec.pipeline);
    return explaining(spec.pipeline, async () => {
      const created = !(await this.#isRunning(workflowId));
      const state = created ? undefined : await viewState(this.#client, spec.pipeline);
      const before = state?.spec;
      const receipt =
        state && changesNothing(state, applied)
          ? { taken: true, message: UNCHANGED }
          : await this.#sendConfig(applied);
      // Without a worker nobody tells which host is on record.
      const isKnown = created || before !== undefined;
      const kept = before ? keepHosts(applied, before) : spec;
      const places = isKnown ? await sinkPlaces(this.#client, kept, before) : [];
      return { ...receipt, workflowId, created, places };
    });
  }

  #sendConfig(applied: PlacedSpec): Promise<CommandReceipt> {
    const start = startOptions(applied.spec);
    const command = { ...applied, commandId: randomUUID() };
    return this.#answeredOr(
      () =>
        this.#client.workflow.executeUpdateWithStart<Workflow, CommandAnswer, [object]>(
          'applyConfig',
          {
            args: [command],
            startWorkflowOperation: new WithStartWorkflowOperation('cdcPipeline', {
              ...start,
              workflowIdConflictPolicy: 'USE_EXISTING',
            }),
          },
        ),
      async () => {
        await this.#client.workflow.signalWithStart('cdcPipeline', {
          ...start,
          signal: 'applyConfig',
          signalArgs: [command],
        });
      },
    );
  }

  /** Every pipeline that runs in the namespace, by name. */
  async list(): Promise<readonly PipelineView[]> {
    const pipelines = await explaining(undefined, async () => {
      const names: string[] = [];
      const query = "WorkflowType IN ('cdcPipeline', 'cdcDrop') AND ExecutionStatus = 'Running'";
      for await (const { workflowId } of this.#client.workflow.list({ query }))
        names.push(workflowId.replace(/^cdc\//, ''));
      return names.sort();
    });
    return Promise.all(pipelines.map((pipeline) => this.status(pipeline)));
  }

  status(pipeline: string): Promise<PipelineView> {
    return viewPipeline(this.#client, pipeline);
  }

  /** @throws {SluiceError} also `pipeline.no-worker`: only a worker knows them */
  async incidents(pipeline: string): Promise<readonly IncidentView[]> {
    const incidents = await viewIncidents(this.#client, pipeline);
    if (incidents) return incidents;
    throw noWorker(pipeline);
  }

  /**
   * The configuration that the pipeline runs with.
   * @throws {SluiceError} also `pipeline.no-worker`
   */
  async config(pipeline: string): Promise<PipelineSpec> {
    const spec = await viewConfig(this.#client, pipeline);
    if (spec) return spec;
    throw noWorker(pipeline);
  }

  pause(pipeline: string, { sink, ...who }: OfSink): Promise<CommandReceipt> {
    return this.#send({ pipeline, sink }, 'pause', who);
  }

  resume(pipeline: string, { sink, ...who }: OfSink): Promise<CommandReceipt> {
    return this.#send({ pipeline, sink }, 'resume', who);
  }

  /** The sink begins an empty warehouse, and the pipeline is asked for a snapshot of every table. */
  resnapshot(
    pipeline: string,
    { sink, ...who }: Operator & { readonly sink: string },
  ): Promise<CommandReceipt> {
    return this.#send({ pipeline, sink }, 'resnapshot', who);
  }

  /** Ends the stream and starts it again, on whichever worker has room. */
  yieldStream(pipeline: string, who: Operator): Promise<CommandReceipt> {
    return this.#command(pipeline, 'yieldStream', who);
  }

  /** `tables` as `database.table` or patterns with `*`; empty means all that are captured. */
  async requestSnapshot(
    pipeline: string,
    request: Operator & { readonly tables: readonly string[] },
  ): Promise<CommandReceipt & { readonly snapshotId: string }> {
    const snapshotId = `requested-${new Date().toISOString().replace(/\W/g, '')}`;
    const receipt = await this.#command(pipeline, 'requestSnapshot', { ...request, snapshotId });
    return { ...receipt, snapshotId };
  }

  cancelSnapshot(
    pipeline: string,
    request: Operator & { readonly snapshotId: string },
  ): Promise<CommandReceipt> {
    return this.#command(pipeline, 'cancelSnapshot', request);
  }

  /** Answers an incident of the pipeline, or of the sink that the id names: `<sink>/gap-…`. */
  recover(
    pipeline: string,
    request: Operator & {
      readonly incidentId: string;
      readonly action: RecoverAction;
      readonly tables?: readonly string[];
    },
  ): Promise<CommandReceipt> {
    const slash = request.incidentId.indexOf('/');
    const sink = slash < 0 ? undefined : request.incidentId.slice(0, slash);
    return this.#send({ pipeline, sink }, 'recover', request);
  }

  drop(
    pipeline: string,
    request: Operator & { readonly deleteTopics: boolean },
  ): Promise<CommandReceipt> {
    return this.#command(pipeline, 'drop', request);
  }

  #command(pipeline: string, kind: CommandKind, payload: object): Promise<CommandReceipt> {
    return this.#send({ pipeline }, kind, payload);
  }

  #send(
    { pipeline, sink }: { readonly pipeline: string; readonly sink?: string | undefined },
    kind: CommandKind | SinkCommandKind,
    payload: object,
  ): Promise<CommandReceipt> {
    const handle = this.#client.workflow.getHandle(
      sink === undefined ? pipelineWorkflowId(pipeline) : sinkWorkflowId(pipeline, sink),
    );
    const command = { ...payload, commandId: randomUUID() };
    return explaining(
      pipeline,
      () =>
        this.#answeredOr(
          () => handle.executeUpdate<CommandAnswer, [object]>(kind, { args: [command] }),
          () => handle.signal(kind, command),
        ),
      sink,
    );
  }

  /** A worker's answer, or the command left with the server when none answers in time. */
  async #answeredOr(
    update: () => Promise<CommandAnswer>,
    signal: () => Promise<void>,
  ): Promise<CommandReceipt> {
    try {
      const deadline = Date.now() + this.#answerTimeoutMs;
      const { message } = await this.#client.connection.withDeadline(deadline, update);
      return { taken: true, message };
    } catch (error) {
      if (!isNoWorker(error)) throw error;
      await signal();
      return {
        taken: false,
        message: 'No worker answers: the command waits in the server until one runs.',
      };
    }
  }

  async #isRunning(workflowId: string): Promise<boolean> {
    try {
      const { status } = await this.#client.workflow.getHandle(workflowId).describe();
      return status.name === 'RUNNING';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  }
}

function noWorker(pipeline: string): SluiceError {
  return new SluiceError(
    'pipeline.no-worker',
    `No worker answers for pipeline ${pipeline}. Start one with sluice worker.`,
  );
}

function startOptions(
  spec: PipelineSpec,
): Omit<WorkflowStartOptions, 'args'> & { readonly args: [{ readonly spec: PipelineSpec }] } {
  const { source, kafka, sinks } = spec;
  const into = Object.keys(sinks).join(', ') || 'no sink';
  return {
    workflowId: pipelineWorkflowId(spec.pipeline),
    taskQueue: CONTROL_QUEUE,
    args: [{ spec }],
    staticSummary: `${source.host}:${source.port} → ${kafka.prefix}.* → ${into}`,
  };
}
