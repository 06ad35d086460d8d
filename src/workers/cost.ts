import {
  advice,
  LIST_PRICE,
  monthAtThisPace,
  type SinkUsage,
  storageUsdOf,
  storedBytes,
} from '../bigquery/cost.ts';
import { estimateReads, readTables, readUsage } from '../bigquery/cost-report.ts';
import type { TableEntry } from '../bigquery/metadata.ts';
import { bigQueryLayout } from '../bigquery/names.ts';
import type { RestBigQuery } from '../bigquery/rest-service.ts';
import type { TableName } from '../change/table.ts';
import type { SecretScope } from '../config/secret.ts';
import type { BigQuerySinkSpec, PipelineSpec } from '../control/pipeline-spec.ts';
import { bigQueryAuthorization, bigQueryService } from './bigquery-warehouse.ts';

/** What a sink in BigQuery has cost, and will at this pace; amounts at list prices. */
export interface SinkCost {
  readonly sink: string;
  readonly project: string;
  readonly dataset: string;
  /** From here on there are records: the days that were asked for, or the first load ever; absent before there is one. */
  readonly sinceMs?: number;
  readonly commits: number;
  readonly days: readonly TableDayCost[];
  readonly reads: readonly TableReads[];
  readonly month: {
    readonly compactionBytes: number;
    /** Of the looks before compactions; estimated. */
    readonly lookBytes: number;
    readonly commitBytes: number;
    /** Of rows by stream; the first 2 TiB are free. */
    readonly streamedBytes: number;
    readonly usd: number;
  };
  /** In state and changelog of the tables whose views were estimated. */
  readonly stored: { readonly tables: number; readonly bytes: number; readonly usdAMonth: number };
  readonly price: string;
  readonly advice: readonly {
    readonly setting: string;
    readonly value: string;
    readonly because: string;
    readonly savesUsd?: number;
  }[];
}

export interface TableDayCost {
  readonly table: string;
  /** `2026-11-23`, UTC. */
  readonly day: string;
  readonly loads: number;
  readonly rows: number;
  readonly loadedBytes: number;
  /** Those of `loadedBytes` that came by stream. */
  readonly streamedBytes: number;
  readonly compactions: number;
  readonly compactionBytes: number;
}

/** Bytes that `SELECT *` of each view reads, by dry run. */
export interface TableReads {
  readonly table: string;
  readonly now?: number;
  readonly latest?: number;
  readonly history?: number;
  readonly asOf?: number;
}

export interface CostOptions {
  readonly days: number;
  /** Tables whose views are estimated, the dearest first; all when absent. */
  readonly maxTables?: number;
}

const DAY_MS = 86_400_000;

const NO_TABLES: ReadonlyMap<TableName, TableEntry> = new Map();

/** What every sink of kind bigquery has cost; asks BigQuery from this host. */
export async function sinkCosts(
  { sinks }: PipelineSpec,
  options: CostOptions,
  secrets: SecretScope,
): Promise<readonly SinkCost[]> {
  const costs: SinkCost[] = [];
  for (const [name, sink] of Object.entries(sinks))
    if (sink.kind === 'bigquery') {
      const service = bigQueryService(sink, await bigQueryAuthorization(sink, secrets));
      costs.push(await sinkCost(name, sink, options, service));
    }
  return costs;
}

async function sinkCost(
  name: string,
  sink: BigQuerySinkSpec,
  { days, maxTables }: CostOptions,
  service: RestBigQuery,
): Promise<SinkCost> {
  const layout = bigQueryLayout(sink.project, sink.internalDataset, sink);
  const nowMs = Date.now();
  const usage: SinkUsage = (await readUsage(service, layout, {
    sinceMs: nowMs - days * DAY_MS,
    nowMs,
  })) ?? { days: [], commits: 0, sinceMs: undefined, nowMs };
  const dearest = dearestTables(usage).slice(0, maxTables);
  const tables = await (dearest.length === 0 ? NO_TABLES : readTables(service, layout));
  const chosen = dearest.flatMap((table) => tables.get(table)?.table ?? []);
  const reads = await estimateReads(service, layout, chosen);
  const month = monthAtThisPace(usage, tables);
  const stored = storedBytes(reads.values());
  return {
    sink: name,
    project: sink.project,
    dataset: sink.internalDataset,
    ...(usage.sinceMs === undefined ? {} : { sinceMs: usage.sinceMs }),
    commits: usage.commits,
    days: usage.days,
    reads: dearest.flatMap((table) => {
      const estimates = reads.get(table);
      return estimates ? [{ table, ...estimates }] : [];
    }),
    month,
    stored: { tables: reads.size, bytes: stored, usdAMonth: storageUsdOf(stored) },
    price: `${LIST_PRICE.usdPerTebibyte} USD a TiB read, ${LIST_PRICE.usdPerGibibyteStreamed} USD a GiB by stream, ${LIST_PRICE.terms}`,
    advice: advice(month, sink, reads),
  };
}

/** By what their compactions are billed, then by what is loaded. */
function dearestTables({ days }: SinkUsage): readonly TableName[] {
  const sums = [...Map.groupBy(days, ({ table }) => table)].map(([table, its]) => ({
    table,
    billed: its.reduce((sum, { compactionBytes }) => sum + compactionBytes, 0),
    loaded: its.reduce((sum, { loadedBytes }) => sum + loadedBytes, 0),
  }));
  return sums.sort((a, b) => b.billed - a.billed || b.loaded - a.loaded).map(({ table }) => table);
}
