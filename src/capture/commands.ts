import { unreachable } from '../change/brand.ts';
import { type TableId, type TableName, tableName } from '../change/table.ts';
import { CASCADES_SELECTOR, tableFilter } from '../change/table-pattern.ts';
import type { StreamCommand } from '../control/stream-command.ts';
import type { CopyTarget, SnapshotRunner } from '../snapshot/runner.ts';
import type { BatchWriter } from './batch-writer.ts';
import type { Cascades } from './cascades.ts';
import type { Ledger } from './ledger.ts';
import type { Tables } from './tables.ts';

export interface CommandParts {
  readonly ledger: Ledger;
  readonly tables: Tables;
  readonly batch: BatchWriter;
  readonly snapshot: SnapshotRunner;
  readonly copies: CopyTarget;
  readonly cascades: Cascades;
}

/** What commands do to a stream, each once: the checkpoint that carries its effect names it. */
export class Commands {
  readonly #parts: CommandParts;

  constructor(parts: CommandParts) {
    this.#parts = parts;
  }

  /** Applies those that no checkpoint names. Only between transactions. */
  apply(commands: readonly StreamCommand[]): void {
    const { batch } = this.#parts;
    for (const command of commands) {
      if (batch.hasApplied(command.commandId)) continue;
      this.#applyOne(command);
      batch.markApplied(command.commandId);
    }
  }

  #applyOne(command: StreamCommand): void {
    const { tables, snapshot, copies } = this.#parts;
    switch (command.kind) {
      case 'resnapshot':
        tables.copy(this.#pick(command.tables), command.commandId);
        break;
      case 'snapshot':
        tables.copy(this.#pick(command.tables), command.snapshotId);
        break;
      case 'cancelSnapshot':
        snapshot.cancel(command.snapshotId, copies);
        break;
      default:
        unreachable(command);
    }
  }

  /** Patterns as in the configuration; a table that has stopped is tried again. */
  #pick(asked: readonly string[]): readonly TableName[] {
    const { ledger, tables, cascades } = this.#parts;
    const named = tableFilter(asked, []);
    const swept = asked.includes(CASCADES_SELECTOR) ? cascades.children : new Set<TableName>();
    const matches = (id: TableId): boolean =>
      asked.length === 0 || named(id) || swept.has(tableName(id));
    return [...ledger.entries].flatMap(([name, { id, state }]) => {
      if (!matches(id)) return [];
      const isRetried =
        asked.length > 0 && (state.kind === 'stopped' || state.kind === 'invisible');
      if (isRetried) tables.follow(id, state.kind === 'stopped' ? 'stopped' : 'invisible');
      return ledger.isFollowed(name) ? [name] : [];
    });
  }
}
