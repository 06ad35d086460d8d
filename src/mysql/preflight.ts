import { followedTables, type TablePatterns } from '../change/table-pattern.ts';
import type { Finding } from '../control/finding.ts';
import { SluiceError } from '../errors/error.ts';
import { connect, type MysqlAccount, type MysqlSession } from './connection.ts';
import { allTables, tellDefinitions } from './information-schema.ts';
import { grantFindings } from './preflight-grants.ts';
import {
  readVariables,
  replicaFindings,
  settingFindings,
  type Variables,
} from './preflight-settings.ts';
import { ghostFindings, tableFindings } from './preflight-tables.ts';
import { isReplica } from './server-status.ts';

export interface PreflightSubject extends TablePatterns {
  readonly account: MysqlAccount;
  readonly serverId: number;
}

/**
 * Looks at everything on the source that capture depends on and changes nothing. All findings at
 * once, so that one round of corrections is enough.
 *
 * @throws {SluiceError} a `mysql.*` code when the server cannot be reached or refuses the account
 */
export async function preflight(
  subject: PreflightSubject,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  await using session = await connect(subject.account, {}, signal);
  const variables = await readVariables(session);
  if (/mariadb/i.test(variables.get('version') ?? '')) return [mariaDb(variables)];
  const grants = await grantFindings(session);
  const mayAskForReplicas = grants.every(({ severity }) => severity === 'ok');
  return [
    ...settingFindings(variables, subject.serverId),
    ...(mayAskForReplicas && (await isReplica(session, variables.get('version') ?? ''))
      ? replicaFindings(variables)
      : []),
    ...grants,
    ...(await tablesOf(session, subject, variables)),
  ];
}

function mariaDb(variables: Variables): Finding {
  return {
    check: 'server',
    severity: 'fatal',
    message: `The server is MariaDB (${variables.get('version')}), whose log this version does not capture.`,
  };
}

async function tablesOf(
  session: MysqlSession,
  subject: PreflightSubject,
  variables: Variables,
): Promise<readonly Finding[]> {
  try {
    await tellDefinitions(session);
    const followed = allTables(followedTables(subject));
    return [
      ...(await tableFindings(session, followed, subject.include, variables)),
      ...(await ghostFindings(session, subject)),
    ];
  } catch (error) {
    if (!(error instanceof SluiceError) || error.code !== 'binlog.unsupported') throw error;
    return [{ check: 'tables', severity: 'fatal', message: error.message }];
  }
}
