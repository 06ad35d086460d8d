import { afterEach, describe, expect, it, vi } from 'vitest';
import { GivenCommands } from '../../src/capture/given-commands.ts';
import { DEFAULT_DUCKDB_MEMORY_MB } from '../../src/config/defaults.ts';
import { DEFAULT_SECRETS } from '../../src/config/secret.ts';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { SluiceError } from '../../src/errors/error.ts';
import { KafkaSinkLog } from '../../src/kafka/sink-log.ts';
import { runSinkTask } from '../../src/workers/sink-task.ts';
import type { SinkTask } from '../../src/workers/thread-protocol.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

describe('a sink into a DuckDB file', () => {
  afterEach(() => vi.restoreAllMocks());

  it.each([
    ['what its configuration says', { memoryLimitMb: 1_024 }, 1_024],
    ['the default where that says nothing', {}, DEFAULT_DUCKDB_MEMORY_MB],
  ])('lets DuckDB take as much memory as %s', async (_, setting, expected) => {
    const log = { record: undefined, close: () => Promise.resolve() };
    vi.spyOn(KafkaSinkLog, 'open').mockResolvedValue(log as unknown as KafkaSinkLog);
    const refusal = new SluiceError('sink.foreign-warehouse', 'the test has seen enough');
    const open = vi.spyOn(DuckDbFile, 'open').mockRejectedValue(refusal);
    const file = { kind: 'duckdb', file: '/nowhere/shop.duckdb', host: 'here' } as const;
    const warehouse = { ...file, commitIntervalMs: 1_000, maxBatchBytes: 1 << 20, ...setting };
    const task: SinkTask = {
      ...{
        kind: 'sink' as const,
        secrets: DEFAULT_SECRETS,
        host: 'here',
        sinkName: 'warehouse',
        orders: {},
      },
      spec: aPipelineSpec({ sinks: { warehouse } }),
    };
    const port = {
      send: () => {},
      signal: new AbortController().signal,
      commands: new GivenCommands(),
      reach: () => {},
    };
    await expect(runSinkTask(task, port)).rejects.toThrow(refusal);
    expect(open).toHaveBeenCalledExactlyOnceWith(
      file.file,
      expect.objectContaining({ memoryLimitMb: expected }),
    );
  });
});
