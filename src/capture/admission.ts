import { DEFAULT_ROW_SETTINGS, type RowSettings } from '../change/row-settings.ts';
import { type TableId, type TableName, type TableSchema, tableName } from '../change/table.ts';
import type { ErrorCode } from '../errors/catalogue.ts';
import { SluiceError } from '../errors/error.ts';
import { schemaIdOf } from '../topic/schema-record.ts';
import { type Topic, type TopicIdentity, tableTopic } from '../topic/topic-name.ts';
import type { BatchWriter } from './batch-writer.ts';
import type { Cascades } from './cascades.ts';
import type { ConfirmedSight, Definitions } from './definitions.ts';
import type { Ledger, TableState } from './ledger.ts';
import type { PipelineLog } from './pipeline-log.ts';
import type { StreamPosition } from './position.ts';
import type { Sight, SourceServer } from './source-server.ts';
import { keyless, type TableRouter } from './table-router.ts';
import type { Tables } from './tables.ts';

export interface AdmissionParts {
  readonly prefix: string;
  readonly server: SourceServer;
  readonly log: PipelineLog;
  readonly position: StreamPosition;
  readonly ledger: Ledger;
  readonly router: TableRouter;
  readonly tables: Tables;
  readonly definitions: Definitions;
  readonly batch: BatchWriter;
  readonly cascades: Cascades;
  readonly nowMs: () => number;
  /** Whether tables are copied without being asked for. */
  readonly copies: boolean;
  /** Topics that may not have changed since records were written to them; none in a new epoch. */
  readonly formerTopics: ReadonlyMap<Topic, TopicIdentity>;
  readonly rowSettings: (table: TableId) => RowSettings;
}

/** What a look at a table comes to. */
export type AdmissionVerdict =
  | { readonly kind: 'announce'; readonly schema: TableSchema }
  /** To be taken up, with a copy. */
  | { readonly kind: 'follow'; readonly schema: TableSchema }
  | { readonly kind: 'stop'; readonly error: SluiceError }
  | { readonly kind: 'hide' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'leave' };

type StoppedState = Extract<TableState, { readonly kind: 'stopped' | 'invisible' }>;

/** Reasons to be stopped that a look can tell are gone. */
const SEEN_TO_BE_CURED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'table.no-key',
  'table.unknown-type',
  'topic.collision',
  'mysql.grant-missing',
]);
/** Failures of a copy that may have passed by now. */
const TRIED_AGAIN: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['mysql.query-failed']);
const TRY_AGAIN_AFTER_MS = 10 * 60_000;

/**
 * What becomes of a table that the configuration wants, or that was captured once, and that was
 * looked at where the look is certain to hold.
 *
 * @param state  absent for a table that nobody has met
 */
export function verdictOn(
  id: TableId,
  state: TableState | undefined,
  sight: Sight,
  nowMs: number,
  settings: RowSettings,
): AdmissionVerdict {
  switch (sight.kind) {
    case 'hidden':
      return { kind: state?.kind === 'invisible' ? 'leave' : 'hide' };
    case 'gone':
      return { kind: state === undefined || state.kind === 'gone' ? 'leave' : 'drop' };
    case 'unreadable':
      return { kind: 'stop', error: new SluiceError(sight.code, sight.reason) };
    case 'readable': {
      const { schema } = sight.table;
      if (schema.key.length === 0) return { kind: 'stop', error: keyless(id) };
      if (state?.kind === 'followed') return { kind: 'announce', schema };
      if (state?.kind === 'stopped' && !mayReturn(state, nowMs, settings)) return { kind: 'leave' };
      return { kind: 'follow', schema };
    }
  }
}

/** One that was left out stays on record as that until the source has been seen to have it, or not. */
const isDecidedByConfiguration = (state: TableState['kind'] | undefined): boolean =>
  state === undefined || state === 'gone' || state === 'excluded';

function mayReturn(state: StoppedState, nowMs: number, settings: RowSettings): boolean {
  const { code, sinceMs } = state;
  if (SEEN_TO_BE_CURED.has(code) || isSetOtherwise(state, settings)) return true;
  return TRIED_AGAIN.has(code) && nowMs - sinceMs >= TRY_AGAIN_AFTER_MS;
}

/**
 * A setting that decides about such failures is another than when the table stopped: it is tried
 * again, once. Records depend on both: what is noted of an invalid text takes room, too.
 */
function isSetOtherwise(
  { code, rows = DEFAULT_ROW_SETTINGS }: StoppedState,
  { invalidText, beforeImage }: RowSettings,
): boolean {
  if (code === 'binlog.unsupported') return rows.invalidText !== invalidText;
  if (code !== 'kafka.record-too-large') return false;
  return rows.beforeImage !== beforeImage || rows.invalidText !== invalidText;
}

/**
 * Which tables come in. A row of a table that nobody has announced or created in the stream is
 * never simply passed on: the source is asked, and what the account may not read stays out.
 */
export class Admission {
  readonly #parts: AdmissionParts;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Whether what happens to the table is of interest: it is captured, or was once. */
  isOurs(id: TableId): boolean {
    const { ledger, router } = this.#parts;
    const state = ledger.get(tableName(id))?.state.kind;
    return isDecidedByConfiguration(state) ? router.captures(id) : true;
  }

  /** A statement has made the table. One that may have been there before may have rows already. */
  created(id: TableId, mayHaveExisted: boolean): void {
    const { ledger, tables, definitions } = this.#parts;
    if (!this.isOurs(id)) return;
    const state = ledger.get(tableName(id))?.state.kind;
    if (state === undefined || state === 'gone') {
      if (mayHaveExisted) this.#takeUp(id);
      else tables.follow(id);
    }
    definitions.touched(id);
  }

  /** The table holds other rows than before: what has stopped it need not be true of them. */
  replaced(id: TableId): void {
    const { ledger, tables, definitions } = this.#parts;
    if (!this.isOurs(id)) return;
    const state = ledger.get(tableName(id))?.state.kind;
    if (state === 'followed') tables.rewritten(id, 'rewritten', 'other rows were put in its place');
    else this.#takeUp(id);
    definitions.touched(id);
  }

  #takeUp(id: TableId): void {
    const { tables, batch, copies } = this.#parts;
    if (tables.follow(id, 'gap') && copies)
      tables.copy([tableName(id)], `added-${batch.copyBegins}`);
  }

  /** Rows of the table have come, and it is unknown or has no topic. Afterwards it is known, one way or the other. */
  async admit(id: TableId): Promise<void> {
    const { server, ledger, tables, definitions } = this.#parts;
    const name = tableName(id);
    const sight = await server.look(id);
    if (sight.kind === 'hidden') tables.hide(id);
    else if (sight.kind === 'unreadable')
      tables.stop(id, new SluiceError(sight.code, sight.reason));
    else {
      if (!ledger.isFollowed(name)) {
        this.#takeUp(id);
        definitions.touched(id);
      }
      await this.ensureTopics([id]);
    }
  }

  /** Makes the topics that followed tables lack. */
  async ensureTopics(ids: readonly TableId[]): Promise<void> {
    await this.#topics(ids.filter((id) => !this.#parts.ledger.get(tableName(id))?.topic));
  }

  /**
   * The same, and looks whether those that are there are still the ones that were written to.
   * @throws {SluiceError} `kafka.topic-recreated` | `kafka.partitions-changed`
   */
  async verifyTopics(ids: readonly TableId[]): Promise<void> {
    await this.#topics(ids);
  }

  async #topics(ids: readonly TableId[]): Promise<void> {
    const { ledger, log, prefix, formerTopics } = this.#parts;
    const followed = ids.filter((id) => ledger.isFollowed(tableName(id)));
    if (followed.length === 0) return;
    const topics = followed.map((id) => tableTopic(prefix, id));
    const identities = await log.ensureTopics(topics, formerTopics);
    for (const id of followed) {
      const topic = tableTopic(prefix, id);
      const identity = identities.get(topic);
      if (identity) ledger.useTopic(tableName(id), topic, identity);
    }
  }

  /** Asks the source about tables that statements have touched. Runs beside the stream, which never waits for it. */
  async look(ids: readonly TableId[], waitMs: number): Promise<void> {
    const { server, position, definitions, cascades } = this.#parts;
    const { suspicions } = cascades;
    // The log shows a statement before the definitions do.
    await server.waitForExecuted(position.gtidSet, waitMs);
    const sights: ConfirmedSight[] = [];
    for (const id of ids) sights.push({ id, sight: await server.look(id) });
    const keys = await server.cascadingKeys();
    const executed = await server.executed();
    cascades.learn(keys, executed, suspicions);
    definitions.looked(sights, executed);
  }

  /** Asks again about tables that may have become readable. */
  recheck(): void {
    const { ledger, definitions } = this.#parts;
    // A look that waits for its place is the answer: with a lag, another one would void it for ever.
    const awaited = new Set(definitions.awaited.map(tableName));
    for (const [name, { id, state }] of ledger.entries)
      if ((state.kind === 'invisible' || state.kind === 'stopped') && !awaited.has(name))
        definitions.touched(id);
  }

  /** Acts on looks that hold from here on. Only between transactions. */
  async settle(): Promise<void> {
    const { definitions, position } = this.#parts;
    const confirmed = definitions.confirm(position);
    if (confirmed.length === 0) return;
    const due = confirmed.flatMap((each) => this.#act(each));
    await this.ensureTopics(due.map(({ id }) => id));
    for (const schema of due) this.#announce(schema);
  }

  /** @returns the schema that has to be on record, if any */
  #act({ id, sight }: ConfirmedSight): readonly TableSchema[] {
    const { ledger, router, tables, batch, nowMs, rowSettings } = this.#parts;
    const state = ledger.get(tableName(id))?.state;
    if (isDecidedByConfiguration(state?.kind) && !router.captures(id)) return [];
    if (sight.kind === 'readable') batch.comments.learn(tableName(id), sight.table.comments);
    const verdict = verdictOn(id, state, sight, nowMs(), rowSettings(id));
    switch (verdict.kind) {
      case 'announce':
        return [verdict.schema];
      case 'follow':
        this.#takeUp(id);
        return ledger.isFollowed(tableName(id)) ? [verdict.schema] : [];
      case 'stop':
        tables.stop(id, verdict.error);
        return [];
      case 'hide':
        tables.hide(id);
        return [];
      case 'drop':
        tables.dropped(id);
        return [];
      case 'leave':
        return [];
    }
  }

  #announce(schema: TableSchema): void {
    const { ledger, batch } = this.#parts;
    const name: TableName = tableName(schema.id);
    const topic = ledger.get(name)?.topic;
    if (!topic) return;
    const { name: at, partitions } = topic;
    const schemaId = schemaIdOf(schema);
    batch.announce({ table: name, topic: at, partitions, schema, schemaId });
  }
}
