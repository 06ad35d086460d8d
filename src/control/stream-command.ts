/**
 * What an operator asked of a running stream, handed over at its next start. Each is applied once:
 * the id is stored with the checkpoint that carries its effect. JSON-plain.
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

/** What a workflow remembers of its stream to notice a lost position; it never supplies one. */
export interface Tripwire {
  readonly hasCommitted: boolean;
  readonly epoch: number;
}
