import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { connectClient } from '../../src/temporal/connection.ts';
import { ensureSearchAttributes } from '../../src/temporal/search-attributes.ts';
import type { TemporalAddress } from '../../tools/stack/address.ts';

/** The shortest that a server takes. */
const RETENTION_S = 24 * 60 * 60;
const POLL_MS = 100;
const USABLE_WITHIN_MS = 30_000;

/** A namespace for one test, ready for pipelines; it goes with the scope. */
export async function ownNamespace(
  server: TemporalAddress,
  namespace: string,
): Promise<{ readonly place: TemporalAddress } & AsyncDisposable> {
  const place = { ...server, namespace };
  const client = await connectClient(place);
  const { workflowService, operatorService } = client.connection;
  await workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: RETENTION_S as never },
  });
  await usable(client, namespace);
  return {
    place,
    [Symbol.asyncDispose]: async () => {
      await operatorService.deleteNamespace({ namespace });
      await client.connection.close();
    },
  };
}

/** The server's parts learn of a namespace and its attributes one after another. */
async function usable(client: Client, namespace: string): Promise<void> {
  const deadlineMs = Date.now() + USABLE_WITHIN_MS;
  for (;;) {
    try {
      await ensureSearchAttributes(client, namespace);
      await client.workflow.getHandle('nobody').describe();
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return;
      if (Date.now() > deadlineMs) throw error;
    }
    await sleep(POLL_MS);
  }
}
