import { SluiceError } from '../errors/error.ts';
import type { BigQueryContext } from './context.ts';
import { LoadBudget } from './load-budget.ts';
import type { LoadPlan } from './load-plan.ts';
import {
  checkpointQuery,
  formsQuery,
  LAYOUT_VERSION,
  LAYOUTS_BEFORE,
  loadsQuery,
  OWN,
  parseLoads,
  parseState,
  type StoredState,
  tablesQuery,
  takeoverStatements,
} from './metadata.ts';
import { runRepeatable } from './run-script.ts';

/**
 * What the warehouse holds; `undefined` before there is one. Bookkeeping of an earlier layout is
 * brought up to date first.
 *
 * @throws {SluiceError} `sink.foreign-warehouse` when it is another pipeline's
 */
export async function readState(context: BigQueryContext): Promise<StoredState | undefined> {
  const { layout, service } = context;
  // A query of what is not there is answered like one of what the account may not see.
  if (!(await service.hasTable(layout.internal, OWN.checkpoints))) return undefined;
  const [checkpoint] = await service.rows(checkpointQuery(layout));
  if (!checkpoint) return undefined;
  const { identity } = parseState(checkpoint, []);
  refuseForeign(context, identity);
  if (LAYOUTS_BEFORE.includes(identity.layout)) {
    const { tables } = parseState(checkpoint, await service.rows(formsQuery(layout)));
    const forms = Array.from(tables.values(), ({ table }) => table);
    for (const statement of takeoverStatements(layout, forms))
      await runRepeatable(context, statement, 'taking over an earlier layout');
  }
  return parseState(checkpoint, await service.rows(tablesQuery(layout)));
}

export async function readLoadBudget(
  { layout, service }: BigQueryContext,
  nowMs: number,
): Promise<LoadBudget> {
  return new LoadBudget((await service.rows(loadsQuery(layout, nowMs))).map(parseLoads), nowMs);
}

/**
 * The plan, unless its commit is there.
 *
 * @throws {SluiceError} `sink.warehouse-lost` when an earlier plan's commit is not there
 */
export function plannedCommit(
  plan: LoadPlan | undefined,
  { identity, commit }: StoredState,
): LoadPlan | undefined {
  if (plan?.warehouseId !== identity.warehouseId || plan.commit <= commit) return undefined;
  if (plan.commit === commit + 1) return plan;
  throw restored(commit, plan.commit - 1);
}

/** @param made  a commit behind the one that the warehouse is at */
export function restored(commit: number, made: number): SluiceError {
  return new SluiceError(
    'sink.warehouse-lost',
    `The warehouse is at commit ${commit}, but commit ${made} was made: it was restored to an older state.`,
    { facts: { commit, made } },
  );
}

function refuseForeign(
  { layout, pipeline, prefix }: BigQueryContext,
  identity: StoredState['identity'],
): void {
  const isOurs = identity.pipeline === pipeline && identity.prefix === prefix;
  if (isOurs && [...LAYOUTS_BEFORE, LAYOUT_VERSION].includes(identity.layout)) return;
  const dataset = `${layout.project}.${layout.internal}`;
  throw new SluiceError(
    'sink.foreign-warehouse',
    `${dataset} holds layout ${identity.layout} of pipeline ${identity.pipeline} with prefix ${identity.prefix}, not what pipeline ${pipeline} with prefix ${prefix} can write.`,
    { facts: { dataset, pipeline: identity.pipeline, prefix: identity.prefix } },
  );
}
