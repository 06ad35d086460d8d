import type { PipelineSpec } from '../../src/control/pipeline-spec.ts';

/** A complete specification that names no real server. */
export function aPipelineSpec(change: Partial<PipelineSpec> = {}): PipelineSpec {
  return {
    v: 1,
    pipeline: 'shop',
    source: {
      kind: 'mysql',
      host: 'mysql.example',
      port: 3306,
      user: 'cdc',
      password: { env: 'SHOP_MYSQL_PASSWORD' },
      include: ['shop.*'],
      exclude: [],
      serverId: 1001,
    },
    kafka: {
      brokers: ['kafka.example:9092'],
      prefix: 'shop',
      partitions: 3,
      replication: -1,
      compression: 'zstd',
    },
    sinks: {
      warehouse: {
        kind: 'duckdb',
        file: '/var/lib/sluice/shop.duckdb',
        host: 'warehouse.example',
        commitIntervalMs: 1000,
        maxBatchBytes: 1 << 20,
      },
    },
    snapshot: { mode: 'initial', chunkRows: 1000, schedules: {} },
    stream: { maxBatchBytes: 1 << 20, maxBatchRows: 1000, idleMs: 5, heartbeatTimeoutMs: 2000 },
    ...change,
  };
}
