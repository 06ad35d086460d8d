import { type Finding, ok } from '../control/finding.ts';
import type { MysqlSession } from './connection.ts';

const NEEDED = ['REPLICATION SLAVE', 'REPLICATION CLIENT'] as const;

/** The privileges for reading the log; those on tables are looked at table by table. */
export async function grantFindings(session: MysqlSession): Promise<readonly Finding[]> {
  const global = globalPrivileges(await readGrants(session));
  const missing = NEEDED.filter(
    (privilege) => !global.has(privilege) && !global.has('ALL PRIVILEGES'),
  );
  if (missing.length === 0) return [ok('privileges', `The account has ${NEEDED.join(' and ')}.`)];
  return [
    {
      check: 'privileges',
      severity: 'fatal',
      message: `The account lacks ${missing.join(' and ')}, without which the log cannot be read.`,
      fixSql: `GRANT ${missing.join(', ')} ON *.* TO ${await grantee(session)}`,
    },
  ];
}

/** The account as GRANT wants it: `'user'@'host'`. */
export async function grantee(session: MysqlSession): Promise<string> {
  const [row] = await session.query('SELECT CURRENT_USER() AS account', 'reading the account');
  const account = row?.['account'] ?? '';
  const at = account.lastIndexOf('@');
  return `'${account.slice(0, at)}'@'${account.slice(at + 1)}'`;
}

/** Grants of the account and of the roles that are active by default. */
export async function readGrants(session: MysqlSession): Promise<readonly string[]> {
  const [row] = await session.query('SELECT CURRENT_ROLE() AS roles', 'reading the roles');
  const roles = row?.['roles'] ?? 'NONE';
  const using = roles === 'NONE' ? '' : ` USING ${roles}`;
  const rows = await session.query(`SHOW GRANTS FOR CURRENT_USER()${using}`, 'reading the grants');
  return rows.flatMap((grant) => Object.values(grant)).filter((text) => text !== null);
}

function globalPrivileges(grants: readonly string[]): ReadonlySet<string> {
  return new Set(
    grants.flatMap((grant) => /^GRANT (.+) ON \*\.\* TO /.exec(grant)?.[1]?.split(/,\s*/) ?? []),
  );
}
