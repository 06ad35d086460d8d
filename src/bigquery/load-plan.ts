import { createHash } from 'node:crypto';
import type { Cut } from '../sink/destination.ts';
import type { PartitionOffset } from '../sink/record-source.ts';
import type { JobId } from './job.ts';

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
  readonly cut: Cut | undefined;
  readonly ingestedAtUs: number;
}

/**
 * Port: remembers the newest plan of a sink outside of the warehouse. To be implemented over the
 * sink's record in Kafka, whose writer is fenced: a plan of an attempt that was taken over is refused.
 */
export interface LoadPlans {
  newest(): Promise<LoadPlan | undefined>;
  /** Durable when it resolves. */
  store(plan: LoadPlan): Promise<void>;
}

/** What the ids of a sink's jobs begin with, so that its jobs are found in BigQuery's own lists. */
export interface JobNames {
  readonly pipeline: string;
  readonly sink: string;
}

const DIGEST_LENGTH = 20;

/** `sluice-<pipeline>-<sink>-<commit>-<what>-<digest>`; the digest tells warehouses, tables and ranges apart. */
export function jobId(names: JobNames, plan: LoadPlan, what: string): JobId {
  const ranges = plan.offsets
    .map(({ topic, partition, offset }) => `${topic}/${partition}:${offset}`)
    .sort();
  const identity = [plan.warehouseId, plan.commit, plan.ingestedAtUs, what, ...ranges];
  const digest = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  const legible = [names.pipeline, names.sink, String(plan.commit), what]
    .map((part) => part.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 80))
    .join('-');
  return `sluice-${legible}-${digest.slice(0, DIGEST_LENGTH)}`;
}

/** Whether a batch is the one that was planned. */
export function isSamePlan(
  plan: LoadPlan,
  { offsets, cut }: Pick<LoadPlan, 'offsets' | 'cut'>,
): boolean {
  const text = (list: readonly PartitionOffset[]): string =>
    JSON.stringify(list.map((o) => [o.topic, o.partition, o.offset]).sort());
  return text(plan.offsets) === text(offsets) && plan.cut?.lastSequence === cut?.lastSequence;
}
