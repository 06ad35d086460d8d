import { describe, expect, it } from 'vitest';
import { runJob } from '../../src/bigquery/run-job.ts';
import { type Fault, MemoryBigQuery } from './memory-bigquery.ts';

const LOAD = { kind: 'query', sql: 'SELECT 1 AS one', priority: 'INTERACTIVE' } as const;

/** A service that answers each request with the next fault, and then with none. */
function faulty(faults: readonly Fault[]): MemoryBigQuery {
  const left = [...faults];
  return new MemoryBigQuery(() => left.shift() ?? 'none');
}

async function runUntilDone(service: MemoryBigQuery, calls: number): Promise<void> {
  for (let call = 0; call < calls; call += 1)
    try {
      await runJob(service, 'job', LOAD, 'testing');
      return;
    } catch {
      // The next call goes on.
    }
  throw new Error(`not done in ${calls} calls`);
}

describe('a job', () => {
  it('that is done is not sent again', async () => {
    const service = faulty([]);
    await runJob(service, 'job', LOAD, 'testing');
    await runJob(service, 'job', LOAD, 'testing');
    expect([...service.jobs.keys()]).toEqual(['job-a1']);
  });

  it('that was done though its answer was lost is found', async () => {
    const service = faulty(['none', 'lostAnswer']);
    await runUntilDone(service, 2);
    expect([...service.jobs.keys()]).toEqual(['job-a1']);
  });

  it('that still runs when it is asked for again is waited for', async () => {
    const service = faulty(['none', 'slowJob', 'lostAnswer']);
    await runUntilDone(service, 2);
    expect([...service.jobs.keys()]).toEqual(['job-a1']);
  });

  it('that failed many hundred times is tried under the next id, found in few requests', async () => {
    const service = faulty([]);
    const failed = { kind: 'failed', error: { reason: 'backendError', message: '' } } as const;
    for (let attempt = 1; attempt <= 700; attempt += 1)
      service.jobs.set(`job-a${attempt}`, { job: LOAD, outcome: failed, slow: 0 });
    let asked = 0;
    const outcome = service.outcome.bind(service);
    service.outcome = (id) => {
      asked += 1;
      return outcome(id);
    };
    await runJob(service, 'job', LOAD, 'testing');
    expect([...service.jobs.keys()].at(-1)).toBe('job-a701');
    expect(asked).toBeLessThan(25);
  });
});
