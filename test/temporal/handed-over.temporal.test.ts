import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { STREAM_QUEUE } from '../../src/control/names.ts';
import { PipelineClient } from '../../src/temporal/pipeline-client.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';
import { openStage, type Stage, untilCancelled } from '../support/workflow-stage.ts';

const address = process.env['SLUICE_TEST_TEMPORAL'] ?? '';
const SOON = { timeout: 30_000, interval: 100 };
const POSITION = {
  gtidSet: '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-905',
  file: 'binlog.000007',
  pos: 1_234,
  epoch: 1,
  commitOrdinal: 98_765,
  writtenAtMs: 1_700_000_000_000,
};

describe.skipIf(address === '')('a stream whose process leaves', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage(address);
  }, 60_000);
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  }, 60_000);

  const heartbeat = async (): Promise<unknown> => {
    const { raw } = await stage.client.workflow.getHandle('cdc/moved').describe();
    const [payload] = raw.pendingActivities?.[0]?.heartbeatDetails?.payloads ?? [];
    return payload && defaultPayloadConverter.fromPayload(payload);
  };

  it('ends, is begun again by the server, and is neither lost nor a failure nor without its position', async () => {
    const client = new PipelineClient(stage.client);
    stage.script = async (input, hooks) => {
      const { pipeline } = input.spec;
      // The second one has nothing to report yet.
      if (stage.streams.length === 1)
        hooks.onProgress({
          ...{ kind: 'pipeline', pipeline, tables: {}, transactions: 1, bytesPublished: 1 },
          ...{ batches: 1, lagMs: 0, rowsPerSecond: 1, checkpoint: POSITION },
        });
      await untilCancelled(1)(input, hooks);
    };
    await stage.start(aPipelineSpec({ pipeline: 'moved' }));
    await stage.waitFor('moved', ({ tripwire }) => tripwire.hasCommitted);
    const [work, ...others] = stage.held.of(STREAM_QUEUE);
    expect([work, others]).toEqual([expect.objectContaining({ pipeline: 'moved' }), []]);
    await work?.end();
    await vi.waitFor(() => expect(stage.streams).toHaveLength(2), SOON);
    await vi.waitFor(async () => {
      const view = await client.status('moved');
      expect(view).toMatchObject({ state: 'STREAMING', position: POSITION });
      // A worker that is lost is counted as a failure by the attempt that follows.
      expect(await heartbeat()).toEqual({ counted: 1 });
    }, SOON);
    expect(stage.mostAtOnce()).toBe(1);
  }, 60_000);
});
