import { createHash } from 'node:crypto';
import type { TableName } from '../change/table.ts';
import type { ErrorCode } from '../errors/catalogue.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type { Cut } from '../sink/destination.ts';
import type { PartitionOffset } from '../sink/record-source.ts';
import type { SinkLog } from '../sink/sink-log.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { JobId } from './job.ts';
import type { OnRefusedRow } from './load-file.ts';
import type { StreamName } from './write-streams.ts';

/**
 * A commit that was begun. Its jobs are a function of it and of the records up to its offsets, so
 * whoever finds it can finish it, and nobody can begin another one in its place. JSON-plain.
 */
export interface LoadPlan {
  readonly warehouseId: string;
  /** Of the commit that it will make; the checkpoint has the number of the one before. */
  readonly commit: number;
  /** Where the commit ends in every partition it moves. */
  readonly offsets: readonly PartitionOffset[];
  /** Where the records of stopped tables that are read again begin. */
  readonly begins?: readonly PartitionOffset[];
  readonly cut: Cut | undefined;
  /** Topics of stopped tables that the cut was made without. */
  readonly without?: readonly Topic[];
  /** As it was then: a file that was sent must not become a table that has stopped. */
  readonly onRefusedRow?: OnRefusedRow;
  readonly ingestedAtUs: number;
  /** Of everything that tells the plan from others; see {@link jobId}. */
  readonly digest?: string;
  /** Whether rows that a truncate or sweep deletes are written before the commit; else they are in it. */
  readonly deletesFirst?: boolean;
  /**
   * Absent when rows go by load jobs. Otherwise where the rows of each table are: empty until they
   * all are in finalized streams, so that whoever finds none begins with new streams.
   */
  readonly streams?: readonly FilledStream[];
}

/** A finalized stream with all rows that a commit has for a table. */
export interface FilledStream {
  readonly table: TableName;
  readonly stream: StreamName;
  readonly rows: number;
  /** Not before BigQuery made the stream. */
  readonly finalizedAtMs: number;
  /** Why BigQuery does not take the rows of the table, none of them; the stream is never committed. */
  readonly refused?: { readonly code: ErrorCode; readonly reason: string };
}

/**
 * The newest plan of a sink, outside of the warehouse.
 *
 * Of two places for it, a row beside the checkpoint and the sink's own record in Kafka, the second
 * is the simpler one, and exact: its writer is fenced, so an attempt that was taken over can plan
 * nothing any more, and the attempt that took over has read the plan after that. A plan costs a few
 * milliseconds there, and a BigQuery transaction of seconds in a row.
 */
export interface LoadPlans {
  /** As of when the log was opened, or of what was stored since. */
  newest(): LoadPlan | undefined;
  /**
   * Durable when it resolves.
   * @throws {SluiceError} `kafka.fenced` when a newer attempt has taken over
   */
  store(plan: LoadPlan): Promise<void>;
}

/** The plans of a sink whose record says which warehouse it fills. */
export function loggedPlans(log: SinkLog): LoadPlans {
  return {
    newest: () => (log.record?.plan === undefined ? undefined : parsePlan(log.record.plan)),
    store: (plan) => {
      if (!log.record) throw new InvariantBroken('a plan is stored before the warehouse is known');
      return log.save({ ...log.record, plan });
    },
  };
}

function parsePlan(value: unknown): LoadPlan {
  const plan = value as Partial<LoadPlan>;
  const isComplete =
    typeof plan.warehouseId === 'string' &&
    Number.isSafeInteger(plan.commit) &&
    Array.isArray(plan.offsets) &&
    Number.isSafeInteger(plan.ingestedAtUs) &&
    (plan.streams === undefined || Array.isArray(plan.streams));
  if (isComplete) return { cut: undefined, ...plan } as LoadPlan;
  throw new SluiceError(
    'kafka.record-unreadable',
    'The plan in the record of the sink is not one that this version of Sluice wrote.',
  );
}

/** What the ids of a sink's jobs begin with, so that its jobs are found in BigQuery's own lists. */
export interface JobNames {
  readonly pipeline: string;
  readonly sink: string;
}

const DIGEST_LENGTH = 20;

/**
 * A plan that is to be stored. Its digest is made once, since a commit has some thousand jobs and as
 * many partitions.
 */
export const newPlan = (plan: Omit<LoadPlan, 'digest'>): LoadPlan => ({
  ...plan,
  digest: sha256([plan.warehouseId, plan.commit, plan.ingestedAtUs, ...rangesOf(plan)]),
});

/**
 * `sluice-<pipeline>-<sink>-<commit>-<what>-<digest>`; the digest tells warehouses, tables and ranges
 * apart. A plan keeps the ids that it was begun with: one of an earlier version has no digest, and
 * its ids are made from its ranges, as that version made them.
 */
export function jobId(names: JobNames, plan: LoadPlan, what: string): JobId {
  const { warehouseId, commit, ingestedAtUs } = plan;
  const digest =
    plan.digest === undefined
      ? sha256([warehouseId, commit, ingestedAtUs, what, ...rangesOf(plan)])
      : sha256([plan.digest, what]);
  const legible = [names.pipeline, names.sink, String(commit), what]
    .map((part) => part.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 80))
    .join('-');
  return `sluice-${legible}-${digest.slice(0, DIGEST_LENGTH)}`;
}

const rangesOf = ({ offsets }: Pick<LoadPlan, 'offsets'>): readonly string[] =>
  offsets.map(({ topic, partition, offset }) => `${topic}/${partition}:${offset}`).sort();

const sha256 = (identity: readonly (string | number)[]): string =>
  createHash('sha256').update(JSON.stringify(identity)).digest('hex');

/** Whether a batch is the one that was planned. */
export function isSamePlan(
  plan: LoadPlan,
  { offsets, cut }: Pick<LoadPlan, 'offsets' | 'cut'>,
): boolean {
  const text = (list: readonly PartitionOffset[]): string =>
    JSON.stringify(list.map((o) => [o.topic, o.partition, o.offset]).sort());
  return text(plan.offsets) === text(offsets) && plan.cut?.lastSequence === cut?.lastSequence;
}
