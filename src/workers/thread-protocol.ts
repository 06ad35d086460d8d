import type { CaptureNotice } from '../capture/progress.ts';
import type { SecretScope } from '../config/secret.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import type { StreamCommand, Tripwire } from '../control/stream-command.ts';
import type { SluiceError } from '../errors/error.ts';
import type { Progress } from '../observability/progress.ts';
import type { SinkOrders } from '../sink/sink-log.ts';

/** What a data thread is started with. Secrets are references here, resolved inside the thread. */
export type ThreadTask = CaptureTask | SinkTask;

interface TaskOfPipeline {
  readonly spec: PipelineSpec;
  /** What of this machine the specification may name. */
  readonly secrets: SecretScope;
}

export interface CaptureTask extends TaskOfPipeline {
  readonly kind: 'capture';
  readonly owner: string;
  readonly tripwire: Tripwire;
  readonly commands: readonly StreamCommand[];
}

export interface SinkTask extends TaskOfPipeline {
  readonly kind: 'sink';
  /** Name of the host that this thread runs on. */
  readonly host: string;
  readonly sinkName: string;
  readonly orders: SinkOrders;
}

/** The one thing said to a running thread: end in order. */
export interface StopRequest {
  readonly kind: 'stop';
}

/** A failure on its way between threads, with nothing but what may be shown. */
export interface ThreadFailure {
  readonly code: string;
  readonly message: string;
  readonly facts: SluiceError['facts'];
}

export type ThreadMessage =
  /** The thread's event loop turns; sent every second. */
  | { readonly kind: 'alive' }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'notice'; readonly notice: CaptureNotice }
  /** The sink ends now; it goes on when this snapshot was asked for. */
  | { readonly kind: 'needsSnapshot'; readonly snapshotId: string }
  /** An attempt failed in a way that heals; the next one starts after the delay. */
  | { readonly kind: 'retrying'; readonly failure: ThreadFailure; readonly delayMs: number }
  /** A transaction was disturbed and is being sent again; the attempt goes on. */
  | { readonly kind: 'sendingAgain'; readonly failure: ThreadFailure }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly failure: ThreadFailure };

/** What a task in a thread may say and ask. */
export interface ThreadPort {
  readonly send: (message: ThreadMessage) => void;
  readonly signal: AbortSignal;
  /** Says which point the work has come to, where a crash test may end the process. */
  readonly reach: (point: string) => void;
}
