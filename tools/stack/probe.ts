import type { AddressByName, ServerName } from './address.ts';
import { BIGQUERY_PROJECT } from './bigquery.ts';
import { SEARCH_ATTRIBUTES } from './temporal.ts';

const TIMEOUT_MS = 3_000;

/** One real call over the server's own protocol; rejects unless it is answered as it should be. */
type Probe<Address> = (address: Address) => Promise<void>;

type Probes = { readonly [Name in ServerName]: Probe<AddressByName[Name]> };

/** Clients are loaded when first used: asking for MySQL alone should not load Temporal's. */
const PROBES: Probes = {
  mysql: probeSql,
  mariadb: probeSql,
  bigquery: probeBigQuery,

  async kafka({ brokers }) {
    const { Admin } = await import('@platformatic/kafka');
    const admin = new Admin({
      clientId: 'sluice-stack',
      bootstrapBrokers: [...brokers],
      connectTimeout: TIMEOUT_MS,
      timeout: TIMEOUT_MS,
      retries: 0,
    });
    try {
      const cluster = await admin.metadata({ topics: [] });
      if (cluster.brokers.size === 0) throw new Error('the cluster has no broker yet');
    } finally {
      await admin.close();
    }
  },

  async temporal({ address, namespace, uiUrl }) {
    const { Connection } = await import('@temporalio/client');
    const connection = await Connection.connect({ address, connectTimeout: TIMEOUT_MS });
    try {
      await connection.withDeadline(Date.now() + TIMEOUT_MS, async () => {
        await connection.workflowService.describeNamespace({ namespace });
        // A server of somebody else has the search attributes its own operator gave it.
        if (uiUrl === undefined) return;
        const known = await connection.operatorService.listSearchAttributes({ namespace });
        const missing = SEARCH_ATTRIBUTES.filter((name) => !(name in known.customAttributes));
        if (missing.length > 0) throw new Error(`no search attribute ${missing.join(', ')} yet`);
      });
    } finally {
      await connection.close();
    }
  },
};

async function probeBigQuery({ url }: AddressByName['bigquery']): Promise<void> {
  const path = `/bigquery/v2/projects/${BIGQUERY_PROJECT}/datasets`;
  const answer = await fetch(url + path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`it answers ${answer.status}`);
}

async function probeSql(address: AddressByName['mysql']): Promise<void> {
  const { createConnection } = await import('mysql2/promise');
  const connection = await createConnection({ ...address, connectTimeout: TIMEOUT_MS });
  try {
    await connection.query('SELECT 1');
  } finally {
    await connection.end();
  }
}

/** Calls the server of this name once. */
export function probe<Name extends ServerName>(
  name: Name,
  address: AddressByName[Name],
): Promise<void> {
  return PROBES[name](address);
}
