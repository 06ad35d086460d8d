import {
  type Client,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { type Incident, openIncident } from '../control/incident.ts';
import { type CommandAnswer, type CommandKind, RECOVER_ACTIONS } from '../control/messages.ts';
import { CONTROL_QUEUE, pipelineWorkflowId, sinkWorkflowId } from '../control/names.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import type { PipelineState } from '../control/pipeline-state.ts';
import type { SinkState } from '../control/sink-state.ts';
import { SluiceError } from '../errors/error.ts';
import type { PipelineProgress, SinkProgress } from '../observability/progress.ts';
import { connectClient, type TemporalPlace } from './connection.ts';
import { CDC_STATE } from './pipeline-phases.ts';

/** How long an answer from a worker may take before the server alone has to do. */
const ANSWER_TIMEOUT_MS = 5_000;

export interface IncidentView {
  readonly id: string;
  readonly code: string;
  readonly message: string;
  readonly openedAtMs: number;
  readonly closedAtMs?: number;
  readonly actions: readonly string[];
}

export interface SinkView {
  readonly name: string;
  readonly state: string;
  readonly progress?: SinkProgress;
  readonly incident?: IncidentView;
}

export interface PipelineView {
  readonly pipeline: string;
  readonly state: string;
  readonly sinceMs: number;
  readonly reason?: string;
  readonly progress?: PipelineProgress;
  readonly sinks: readonly SinkView[];
  readonly incident?: IncidentView;
}

interface Requester {
  readonly by: string;
  readonly reason?: string;
}

/**
 * What operators ask of pipelines. Commands go as updates, which a worker answers; when none does,
 * as signals, which wait in the server for one.
 */
export class PipelineClient implements AsyncDisposable {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  static async connect(place: TemporalPlace): Promise<PipelineClient> {
    return new PipelineClient(await connectClient(place));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.connection.close();
  }

  /** Starts the pipeline, or hands a running one its new configuration. */
  async apply(
    spec: PipelineSpec,
  ): Promise<{ readonly workflowId: string; readonly created: boolean }> {
    const workflowId = pipelineWorkflowId(spec.pipeline);
    const running = await this.#isRunning(workflowId);
    if (running) await this.#command(spec.pipeline, 'applyConfig', { spec });
    else
      await this.#client.workflow.start('cdcPipeline', {
        workflowId,
        taskQueue: CONTROL_QUEUE,
        args: [{ spec }],
        workflowIdConflictPolicy: 'USE_EXISTING',
        staticSummary: `${spec.source.host}:${spec.source.port} → ${spec.kafka.prefix}.* → ${Object.keys(spec.sinks).join(', ')}`,
      });
    return { workflowId, created: !running };
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

  async list(): Promise<readonly PipelineView[]> {
    const views: PipelineView[] = [];
    const query = "WorkflowType = 'cdcPipeline' AND ExecutionStatus = 'Running'";
    for await (const { workflowId } of this.#client.workflow.list({ query }))
      views.push(await this.status(workflowId.replace(/^cdc\//, '')));
    return views;
  }

  async status(pipeline: string): Promise<PipelineView> {
    const handle = this.#client.workflow.getHandle(pipelineWorkflowId(pipeline));
    const shown = await this.#describe(handle, pipeline);
    const state = await this.#ask<PipelineState>(handle);
    const progress = shown.progress as PipelineProgress | undefined;
    const open = state && openIncident(state.incidents);
    const reason = state
      ? shown.lastFailure
      : 'no worker answers; the state is the last one recorded';
    return {
      pipeline,
      state: state?.phase ?? shown.state,
      sinceMs: state?.sinceMs ?? shown.startedAtMs,
      ...(reason === undefined ? {} : { reason }),
      ...(progress ? { progress } : {}),
      sinks: await this.#sinks(pipeline, Object.keys(state?.spec.sinks ?? {})),
      ...(open ? { incident: viewOf(open) } : {}),
    };
  }

  #sinks(pipeline: string, names: readonly string[]): Promise<readonly SinkView[]> {
    return Promise.all(
      names.map(async (name): Promise<SinkView> => {
        const handle = this.#client.workflow.getHandle(sinkWorkflowId(pipeline, name));
        try {
          const shown = await this.#describe(handle, pipeline);
          const state = await this.#ask<SinkState>(handle);
          const open = state && openIncident(state.incidents);
          const progress = shown.progress as SinkProgress | undefined;
          return {
            name,
            state: state?.phase ?? shown.state,
            ...(progress ? { progress } : {}),
            ...(open ? { incident: viewOf(open) } : {}),
          };
        } catch (error) {
          if (error instanceof SluiceError) return { name, state: 'NOT STARTED' };
          throw error;
        }
      }),
    );
  }

  async incidents(pipeline: string): Promise<readonly IncidentView[]> {
    const handle = this.#client.workflow.getHandle(pipelineWorkflowId(pipeline));
    await this.#describe(handle, pipeline);
    const state = await this.#ask<PipelineState>(handle);
    if (!state)
      throw new SluiceError(
        'pipeline.no-worker',
        `No worker answers for pipeline ${pipeline}. Start one with sluice worker.`,
      );
    return state.incidents.map(viewOf);
  }

  async pause(pipeline: string, who: Requester): Promise<void> {
    await this.#command(pipeline, 'pause', who);
  }

  async resume(pipeline: string, who: Requester): Promise<void> {
    await this.#command(pipeline, 'resume', who);
  }

  async requestSnapshot(
    pipeline: string,
    request: Requester & { readonly tables: readonly string[] },
  ): Promise<{ readonly snapshotId: string }> {
    const snapshotId = `requested-${new Date().toISOString().replace(/\W/g, '')}`;
    await this.#command(pipeline, 'requestSnapshot', {
      ...request,
      snapshotId,
      commandId: snapshotId,
    });
    return { snapshotId };
  }

  async recover(
    pipeline: string,
    request: Requester & {
      readonly incidentId: string;
      readonly action: 'retry' | 'resnapshot';
      readonly tables?: readonly string[];
    },
  ): Promise<void> {
    await this.#command(pipeline, 'recover', request);
  }

  async drop(
    pipeline: string,
    request: Requester & { readonly deleteTopics: boolean },
  ): Promise<void> {
    await this.#command(pipeline, 'drop', request);
  }

  /** @throws {SluiceError} `pipeline.not-found` | `pipeline.refused` */
  async #command(
    pipeline: string,
    kind: CommandKind,
    payload: object,
  ): Promise<CommandAnswer | undefined> {
    const handle = this.#client.workflow.getHandle(pipelineWorkflowId(pipeline));
    try {
      return await this.#client.connection.withDeadline(Date.now() + ANSWER_TIMEOUT_MS, () =>
        handle.executeUpdate<CommandAnswer, [object]>(kind, { args: [payload] }),
      );
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw notFound(pipeline, error);
      if (error instanceof WorkflowUpdateFailedError)
        throw new SluiceError('pipeline.refused', error.cause?.message ?? `${kind} was refused.`, {
          cause: error,
        });
      if (!isDeadline(error)) throw error;
      await handle.signal(kind, payload);
      return undefined;
    }
  }

  /** What the server itself knows: also without a worker. */
  async #describe(handle: WorkflowHandle, pipeline: string): Promise<Described> {
    try {
      const { raw, startTime, typedSearchAttributes, status } = await handle.describe();
      const [activity] = raw.pendingActivities ?? [];
      const [payload] = activity?.heartbeatDetails?.payloads ?? [];
      const state = typedSearchAttributes.get(CDC_STATE);
      const failure = activity?.lastFailure?.message;
      return {
        state: status.name === 'RUNNING' ? (state ?? 'STARTING') : status.name,
        startedAtMs: startTime.getTime(),
        progress: payload ? defaultPayloadConverter.fromPayload(payload) : undefined,
        lastFailure: failure ?? undefined,
      };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw notFound(pipeline, error);
      throw error;
    }
  }

  /** The workflow's own state; `undefined` when no worker answers in time. */
  async #ask<State>(handle: WorkflowHandle): Promise<State | undefined> {
    try {
      return await this.#client.connection.withDeadline(Date.now() + ANSWER_TIMEOUT_MS, () =>
        handle.query<State>('status'),
      );
    } catch {
      return undefined;
    }
  }
}

interface Described {
  readonly state: string;
  readonly startedAtMs: number;
  readonly progress: unknown;
  readonly lastFailure: string | undefined;
}

function viewOf({ id, code, message, openedAtMs, closedAtMs }: Incident): IncidentView {
  return {
    id,
    code,
    message,
    openedAtMs,
    ...(closedAtMs === undefined ? {} : { closedAtMs }),
    actions: closedAtMs === undefined ? RECOVER_ACTIONS : [],
  };
}

function notFound(pipeline: string, cause: unknown): SluiceError {
  return new SluiceError(
    'pipeline.not-found',
    `There is no pipeline ${pipeline} here. Start it with sluice apply FILE, or look at sluice status.`,
    { cause, facts: { pipeline } },
  );
}

const DEADLINE_EXCEEDED = 4;

function isDeadline(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if (('code' in at && at.code === DEADLINE_EXCEEDED) || /deadline|timed? ?out/i.test(at.message))
      return true;
  return false;
}
