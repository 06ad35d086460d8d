import type { GivenCommands } from '../capture/given-commands.ts';
import type { CaptureNotice } from '../capture/progress.ts';
import type { SecretScope } from '../config/secret.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import type { RunningCommand, StreamCommand, Tripwire } from '../control/stream-command.ts';
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
  /** Those that the first attempt begins with. */
  readonly commands: readonly StreamCommand[];
}

export interface SinkTask extends TaskOfPipeline {
  readonly kind: 'sink';
  /** Name of the host that this thread runs on. */
  readonly host: string;
  readonly sinkName: string;
  readonly orders: SinkOrders;
}

/** What is said to a running thread. */
export type ThreadRequest =
  /** End in order. */
  | { readonly kind: 'stop' }
  /** For a stream, between two transactions. */
  | { readonly kind: 'commands'; readonly commands: readonly RunningCommand[] };

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
  /** Of a stream; a sink is given none. */
  readonly commands: GivenCommands;
  /** Says which point the work has come to, where a crash test may end the process. */
  readonly reach: (point: string) => void;
}
