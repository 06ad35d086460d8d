import { type AccessServers, checkAccess } from '../bigquery/access-check.ts';
import { RESOURCE_MANAGER } from '../bigquery/access-finding.ts';
import { tryAccount } from '../bigquery/account.ts';
import { accountFinding } from '../bigquery/account-finding.ts';
import type { Member } from '../bigquery/grant.ts';
import { plannedDatasets } from '../bigquery/planned-datasets.ts';
import { GOOGLE } from '../bigquery/rest-service.ts';
import type { Finding } from '../control/finding.ts';
import type { BigQuerySinkSpec, PipelineSpec } from '../control/pipeline-spec.ts';

/** What keeps the sinks of a pipeline from being filled, by what can be tried from this host. */
export async function sinkFindings({ sinks, source }: PipelineSpec): Promise<readonly Finding[]> {
  const each = await Promise.all(
    Object.entries(sinks).map(async ([name, sink]) => {
      if (sink.kind !== 'bigquery') return [];
      const findings = await bigQueryFindings(sink, source.include);
      return findings.map((finding) => ({ ...finding, check: `sinks.${name}.${finding.check}` }));
    }),
  );
  return each.flat();
}

async function bigQueryFindings(
  sink: BigQuerySinkSpec,
  include: readonly string[],
): Promise<readonly Finding[]> {
  const { endpoint } = sink;
  if (endpoint !== undefined)
    return findingsAt(sink, include, undefined, {
      bigQuery: endpoint.replace(/\/$/, ''),
      headers: {},
    });
  const account = await tryAccount(sink);
  if (account.kind === 'failed') return [accountFinding(account.failure)];
  return findingsAt(sink, include, account.member, {
    bigQuery: GOOGLE,
    resourceManager: `https://${RESOURCE_MANAGER}`,
    headers: account.headers,
  });
}

function findingsAt(
  sink: BigQuerySinkSpec,
  include: readonly string[],
  member: Member,
  servers: AccessServers,
): Promise<readonly Finding[]> {
  const { project, location, kmsKey } = sink;
  const wish = { project, location, member, ...plannedDatasets(sink, include) };
  return checkAccess({ ...wish, ...(kmsKey === undefined ? {} : { kmsKey }) }, servers);
}
