/**
 * What an operator asked of a stream, handed over with its start or while it runs. Each is applied
 * once: the id is stored with the checkpoint that carries its effect. JSON-plain.
 */
export type StreamCommand =
  /** New epoch from the server's present position, all `tables` copied again and swept. Empty list: every captured table. */
  | { readonly kind: 'resnapshot'; readonly commandId: string; readonly tables: readonly string[] }
  | {
      readonly kind: 'snapshot';
      readonly commandId: string;
      readonly snapshotId: string;
      readonly tables: readonly string[];
    }
  | { readonly kind: 'cancelSnapshot'; readonly commandId: string; readonly snapshotId: string };

/** Those that a stream takes while it runs; the others decide where it begins. */
export type RunningCommand = Exclude<StreamCommand, { kind: 'resnapshot' }>;

export const isRunningCommand = (command: StreamCommand): command is RunningCommand =>
  command.kind !== 'resnapshot';

/** What a workflow remembers of its stream to notice a lost position; it never supplies one. */
export interface Tripwire {
  readonly hasCommitted: boolean;
  readonly epoch: number;
}
