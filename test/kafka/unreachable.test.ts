import { expect, it } from 'vitest';
import { KafkaPipelineLog } from '../../src/kafka/pipeline-log.ts';
import { logOptions } from './support.ts';

it('says that Kafka is unreachable when no broker listens', { timeout: 30_000 }, async () => {
  const log = new KafkaPipelineLog(logOptions({ brokers: ['127.0.0.1:1'] }));
  await expect(log.fence()).rejects.toMatchObject({ code: 'kafka.unreachable' });
  await log.close();
});
