import {
  NamespaceNotFoundError,
  QueryNotRegisteredError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { SluiceError } from '../errors/error.ts';

/** gRPC status codes, https://grpc.io/docs/guides/status-codes/ */
const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;
const FAILED_PRECONDITION = 9;
const UNAVAILABLE = 14;

/** Whether a call failed only because no worker answered it in time. */
export function isNoWorker(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  if (error instanceof QueryNotRegisteredError) return true;
  const code = grpcCodeOf(error);
  // The server says so at once when it has not seen a worker for a while, and cancels a query whose
  // worker goes away under it.
  return code === DEADLINE_EXCEEDED || code === FAILED_PRECONDITION || code === CANCELLED;
}

/** What a failed call means for the person who asked; anything unknown stays as it is. */
function explained(error: unknown, pipeline?: string, sink?: string): unknown {
  if (error instanceof SluiceError) return error;
  if (error instanceof WorkflowUpdateFailedError)
    return new SluiceError('pipeline.refused', error.cause?.message ?? error.message, {
      cause: error,
    });
  if (error instanceof NamespaceNotFoundError)
    return new SluiceError(
      'temporal.unreachable',
      `The Temporal server has no namespace ${error.namespace}. Create it, or name another with --namespace.`,
      { cause: error, facts: { namespace: error.namespace } },
    );
  if (error instanceof WorkflowNotFoundError && sink !== undefined)
    return new SluiceError(
      'pipeline.not-found',
      `Pipeline ${String(pipeline)} runs no sink ${sink} here. sluice status shows what it has.`,
      { cause: error, facts: { pipeline: String(pipeline), sink } },
    );
  if (error instanceof WorkflowNotFoundError && pipeline !== undefined)
    return new SluiceError(
      'pipeline.not-found',
      `There is no pipeline ${pipeline} here. Start it with sluice apply FILE, or look at sluice status.`,
      { cause: error, facts: { pipeline } },
    );
  if (grpcCodeOf(error) === UNAVAILABLE)
    return new SluiceError(
      'temporal.unreachable',
      'The Temporal server does not answer any longer. Ask again when it is back.',
      { cause: error },
    );
  return error;
}

/** The work's result, or its failure explained. */
export async function explaining<Result>(
  pipeline: string | undefined,
  work: () => Promise<Result>,
  sink?: string,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw explained(error, pipeline, sink);
  }
}

function grpcCodeOf(error: unknown): number | undefined {
  for (let at = error; at instanceof Error; at = at.cause)
    if ('code' in at && typeof at.code === 'number') return at.code;
  return undefined;
}
