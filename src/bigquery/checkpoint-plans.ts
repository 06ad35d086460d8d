import { randomUUID } from 'node:crypto';
import { SluiceError } from '../errors/error.ts';
import { text } from './bigquery-dialect.ts';
import { assertOne, transaction } from './commit-script.ts';
import type { BigQueryService } from './job.ts';
import type { LoadPlan, LoadPlans } from './load-plan.ts';
import { OWN, ownTable } from './metadata.ts';
import type { BigQueryLayout } from './names.ts';
import { runJob } from './run-job.ts';

/**
 * Plans beside the checkpoint. Of two writers that plan the same commit one is refused: both change
 * the checkpoint's row, and BigQuery lets only one of two such transactions through. Each plan is a
 * statement more than a log outside of BigQuery would need.
 */
export class CheckpointPlans implements LoadPlans {
  readonly #service: BigQueryService;
  readonly #layout: BigQueryLayout;

  constructor(service: BigQueryService, layout: BigQueryLayout) {
    this.#service = service;
    this.#layout = layout;
  }

  async newest(): Promise<LoadPlan | undefined> {
    const [row] = await this.#service.rows(
      `SELECT p.plan FROM ${ownTable(this.#layout, OWN.checkpoints)} AS p`,
    );
    return typeof row?.[0] === 'string' ? (JSON.parse(row[0]) as LoadPlan) : undefined;
  }

  /** @throws {SluiceError} `bigquery.other-writer` when the commit is planned or made already */
  async store(plan: LoadPlan): Promise<void> {
    const id = `sluice-plan-${randomUUID()}`;
    const job = {
      kind: 'query',
      sql: storeScript(this.#layout, plan),
      priority: 'INTERACTIVE',
    } as const;
    try {
      await runJob(this.#service, id, job, 'planning a commit');
    } catch (error) {
      // Two transactions on one row: BigQuery cancels one, and says no more than that.
      if (!(error instanceof SluiceError) || error.code !== 'bigquery.failed') throw error;
      throw new SluiceError(
        'bigquery.other-writer',
        `Commit ${plan.commit} could not be planned.`,
        {
          cause: error,
          facts: { commit: plan.commit },
        },
      );
    }
  }
}

export function storeScript(layout: BigQueryLayout, plan: LoadPlan): string {
  const checkpoints = ownTable(layout, OWN.checkpoints);
  const isNext =
    `p.warehouse_id = ${text(plan.warehouseId)} AND p.commit_number = ${plan.commit - 1}` +
    ` AND COALESCE(p.planned_commit, 0) < ${plan.commit}`;
  return transaction([
    assertOne(`${checkpoints} AS p WHERE ${isNext}`),
    `UPDATE ${checkpoints} AS p SET planned_commit = ${plan.commit}, plan = ${text(JSON.stringify(plan))} WHERE ${isNext}`,
  ]);
}
