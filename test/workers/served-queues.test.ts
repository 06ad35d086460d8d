import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { END_WITHIN_MS } from '../../src/workers/served-queues.ts';

/** The default terminationGracePeriodSeconds of a pod. */
const KUBERNETES_GRACE_MS = 30_000;

it('a worker ends before Kubernetes kills it, with time left to close its connections', () => {
  expect(END_WITHIN_MS).toBeLessThanOrEqual(KUBERNETES_GRACE_MS - 5_000);
  expect(readFileSync('docker-compose.yml', 'utf8')).toContain('stop_grace_period: 30s');
});
