import {
  type TableComments,
  type TableName,
  type TableSchema,
  tableName,
} from '../change/table.ts';
import { commentsDigest, commentsOn, NO_COMMENTS } from '../topic/table-comments.ts';

/**
 * The source's comments as they were last read, and which of them the control topic has: their
 * digests are stored with the checkpoint, so that no attempt writes again what an earlier one has
 * written, and none forgets what it had only read.
 */
export class CommentRecord {
  readonly #read = new Map<TableName, TableComments>();
  readonly #written: Map<TableName, string>;
  #changed = false;

  constructor(written: ReadonlyMap<TableName, string>) {
    this.#written = new Map(written);
  }

  learn(name: TableName, comments: TableComments): void {
    this.#read.set(name, comments);
  }

  /** All digests, when one has changed since this was last asked. */
  takeChanged(): ReadonlyMap<TableName, string> | undefined {
    const changed = this.#changed;
    this.#changed = false;
    return changed ? this.#written : undefined;
  }

  /** Whether {@link take} would answer. */
  isDue(schema: TableSchema): boolean {
    return this.#due(schema) !== undefined;
  }

  /** The comments that a schema record has to carry now; it is then taken to be written. */
  take(schema: TableSchema): TableComments | undefined {
    const due = this.#due(schema);
    if (!due) return undefined;
    const name = tableName(schema.id);
    if (due.digest === NO_COMMENTS) this.#written.delete(name);
    else this.#written.set(name, due.digest);
    this.#changed = true;
    return due.comments;
  }

  #due(
    schema: TableSchema,
  ): { readonly comments: TableComments; readonly digest: string } | undefined {
    const name = tableName(schema.id);
    const read = this.#read.get(name);
    if (!read) return undefined;
    const comments = commentsOn(schema, read);
    const digest = commentsDigest(comments);
    return digest === (this.#written.get(name) ?? NO_COMMENTS) ? undefined : { comments, digest };
  }
}
