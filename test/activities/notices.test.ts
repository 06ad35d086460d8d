import { WorkflowNotFoundError } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { Notices } from '../../src/activities/notices.ts';

const QUICK = { firstDelayMs: 1, longestDelayMs: 2 };
const LONG_MS = 10_000;

describe('notices to a workflow', () => {
  it('arrive in order although the first is refused twice', async () => {
    const notices = new Notices(QUICK);
    const heard: string[] = [];
    let failures = 2;
    notices.send(async () => {
      if (failures-- > 0) throw new Error('server away');
      heard.push('first');
    });
    notices.send(async () => {
      heard.push('second');
    });
    await notices.settle(LONG_MS);
    expect(heard).toEqual(['first', 'second']);
  });

  it('are not tried again when there is nobody to hear them', async () => {
    const notices = new Notices(QUICK);
    let tries = 0;
    notices.send(async () => {
      tries += 1;
      throw new WorkflowNotFoundError('gone', 'cdc/shop', undefined);
    });
    await notices.settle(LONG_MS);
    expect(tries).toBe(1);
  });

  it('do not hold up the end of an activity for ever', async () => {
    const notices = new Notices(QUICK);
    let tries = 0;
    notices.send(async () => {
      tries += 1;
      throw new Error('server away');
    });
    await notices.settle(20);
    const triesAtEnd = tries;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(tries).toBeLessThanOrEqual(triesAtEnd + 1);
  });
});
