import { OWN, ownTable } from '../bigquery/metadata.ts';
import { bigQueryLayout } from '../bigquery/names.ts';
import type { StoredPipeline } from '../capture/position-records.ts';
import { unreachable } from '../change/brand.ts';
import type { TableName } from '../change/table.ts';
import type { SecretScope } from '../config/secret.ts';
import { ownerOf } from '../control/names.ts';
import type { PipelineSpec, SinkSpec } from '../control/pipeline-spec.ts';
import { queryWarehouse } from '../duckdb/query-client.ts';
import { SluiceError } from '../errors/error.ts';
import { Cluster } from '../kafka/cluster.ts';
import { storedPositions } from '../kafka/stored-positions.ts';
import { bigQueryAuthorization, bigQueryService } from './bigquery-warehouse.ts';
import { kafkaConnection } from './connections.ts';

const REQUEST_TIMEOUT_MS = 30_000;

/** A table as capture and every sink that answers say that it stands. */
export interface TableStanding {
  readonly table: TableName;
  /** Absent for a table that only a warehouse knows. */
  readonly capture?: CaptureStanding;
  /** By the name of the sink; without those that do not list the table. */
  readonly sinks: Readonly<Record<string, SinkStanding>>;
}

export interface CaptureStanding {
  readonly state: 'followed' | 'excluded' | 'invisible' | 'stopped';
  readonly code?: string;
  readonly reason?: string;
  /** `file:pos` where it stopped. */
  readonly position?: string;
  /** The copy that is due or under way. */
  readonly copy?: { readonly rows: number; readonly estimatedRows: number };
}

export interface SinkStanding {
  /** As `_cdc_status` has it. */
  readonly status: string;
  /** Commit time since which the table is not consistent. */
  readonly since?: string;
  readonly code?: string;
  readonly reason?: string;
}

export interface TableStandings {
  /** In the order of their names. */
  readonly tables: readonly TableStanding[];
  /** Sinks that could not be asked from here. */
  readonly unanswered: readonly { readonly sink: string; readonly reason: string }[];
}

/**
 * How every table stands: what capture has on record in the positions topic, and `_cdc_status` of
 * each warehouse. Asks Kafka and the warehouses from this host; nothing goes through Temporal, however
 * many tables there are.
 *
 * @throws {SluiceError} `config.secret-missing` | `config.secret-refused`, where the caller has not
 *   the worker's secrets; `kafka.unreachable` | `kafka.refused` | `kafka.record-unreadable`
 */
export async function tableStandings(
  spec: PipelineSpec,
  namespace: string,
  secrets: SecretScope,
): Promise<TableStandings> {
  const captured = await captureStandings(spec, namespace, secrets);
  const unanswered: { sink: string; reason: string }[] = [];
  const bySink = new Map<string, ReadonlyMap<TableName, SinkStanding>>();
  for (const [name, sink] of Object.entries(spec.sinks))
    try {
      bySink.set(name, await sinkStandings(sink, secrets));
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      unanswered.push({ sink: name, reason: error.message });
    }
  const names = new Set([
    ...captured.keys(),
    ...[...bySink.values()].flatMap((m) => [...m.keys()]),
  ]);
  const tables = [...names].sort().map((table): TableStanding => {
    const capture = captured.get(table);
    const sinks = [...bySink].flatMap(([name, standings]) => {
      const standing = standings.get(table);
      return standing ? [[name, standing] as const] : [];
    });
    return { table, ...(capture ? { capture } : {}), sinks: Object.fromEntries(sinks) };
  });
  return { tables, unanswered };
}

async function captureStandings(
  spec: PipelineSpec,
  namespace: string,
  secrets: SecretScope,
): Promise<ReadonlyMap<TableName, CaptureStanding>> {
  const cluster = new Cluster(await kafkaConnection(spec, secrets), REQUEST_TIMEOUT_MS);
  try {
    const by = { prefix: spec.kafka.prefix, owner: ownerOf(namespace, spec) };
    const stored = await storedPositions(cluster, by);
    return stored === undefined || stored === 'foreign' ? new Map() : standingsOf(stored);
  } finally {
    await cluster.close();
  }
}

function standingsOf({
  tables,
  plan,
}: Pick<StoredPipeline, 'tables' | 'plan'>): ReadonlyMap<TableName, CaptureStanding> {
  const copies = new Map(plan.tables.map((copy) => [copy.table, copy]));
  return new Map(
    [...tables].flatMap(([name, { state }]) => {
      if (state.kind === 'gone') return [];
      const due = copies.get(name);
      const copy = due && { rows: due.rows, estimatedRows: due.estimatedRows };
      const why =
        state.kind === 'stopped' || state.kind === 'invisible'
          ? { code: state.code, reason: state.reason, position: state.position }
          : {};
      return [[name, { state: state.kind, ...why, ...(copy ? { copy } : {}) }] as const];
    }),
  );
}

const COLUMNS = 's.table_name, s.status, s.code, s.reason';

async function sinkStandings(
  sink: SinkSpec,
  secrets: SecretScope,
): Promise<ReadonlyMap<TableName, SinkStanding>> {
  switch (sink.kind) {
    case 'duckdb': {
      const sql = `SELECT ${COLUMNS}, CAST(s.not_consistent_since_time AS VARCHAR) FROM _cdc_status AS s`;
      return parseStandings((await queryWarehouse(sink.file, { sql })).rows);
    }
    case 'bigquery': {
      const service = bigQueryService(sink, await bigQueryAuthorization(sink, secrets));
      const layout = bigQueryLayout(sink.project, sink.internalDataset, sink);
      const status = ownTable(layout, OWN.status);
      const sql = `SELECT ${COLUMNS}, CAST(s.not_consistent_since_time AS STRING) AS since FROM ${status} AS s`;
      return parseStandings(await service.rows(sql));
    }
    default:
      return unreachable(sink);
  }
}

const parseStandings = (
  rows: readonly (readonly unknown[])[],
): ReadonlyMap<TableName, SinkStanding> =>
  new Map(
    rows.map(([table, status, code, reason, since]) => [
      String(table) as TableName,
      {
        status: String(status),
        ...(typeof since === 'string' ? { since } : {}),
        ...(typeof code === 'string' ? { code } : {}),
        ...(typeof reason === 'string' ? { reason } : {}),
      },
    ]),
  );
